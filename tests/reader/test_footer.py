import io
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.errors import InputError
from batchcancel.reader.footer import read_footer
from batchcancel.reader.read import read_manifest, require_polars
from tests.reader.parquet_by_hand import Plain, by_hand, fixed, int96, texts

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def written(**columns):
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


MIXED = written(
    a=["x"], b=[NOON], c=[NOON.replace(tzinfo=None)], d=[date(2026, 6, 15)], e=[[1]], f=[{"g": 1}],
    h=pl.Series([None], dtype=pl.Null), i=[1], j=[1.5], k=[True],
    l=pl.Series([NOON]).dt.cast_time_unit("ms"), m=pl.Series(["x"], dtype=pl.Categorical),
    n=pl.Series([1]).cast(pl.Decimal(9, 2)),
)  # fmt: skip


def test_the_footer_tells_names_and_kinds_in_their_order():
    columns, rows = read_footer(MIXED)
    assert 1 == rows
    assert [
        ("a", "text"), ("b", "instant"), ("c", "local"), ("d", "day"), ("e", "nested"),
        ("f", "nested"), ("h", "nothing"), ("i", "Int64"), ("j", "Float64"), ("k", "Boolean"),
        ("l", "instant"), ("m", "text"), ("n", "Decimal"),
    ] == [(one.name, one.kind) for one in columns]  # fmt: skip
    assert ["us", "us", "ms"] == [one.unit for one in columns if one.name in "bcl"]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (texts("x", "a"), "text"), (int96("x", NOON), "INT96"), (fixed("x", b"0" * 16), "text"),
        (fixed("x", b"0" * 12, converted=21), "Interval"), (Plain("x", 2, [b"0" * 8], 10), "local"),
    ],
)  # fmt: skip
def test_what_polars_does_not_write_is_told_too(column, kind):
    [found], _ = read_footer(by_hand(column))
    assert (kind, "x") == (found.kind, found.name)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_reaches_the_terminal(data):
    sound = bytearray(data.draw(st.sampled_from([MIXED, by_hand(texts("appointment_id", "a"))])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(max(0, len(sound) - 600), len(sound) - 1))
        sound[at] = data.draw(st.integers(0, 255))
    try:
        columns, _ = read_footer(bytes(sound))
    except ValueError:
        return
    assert all(isinstance(one.name, str) for one in columns)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.integers(0, 255))
def test_a_manifest_with_a_damaged_byte_is_never_a_defect(at, byte):
    sound = bytearray(written(appointment_id=["a", "b"], starts_at=[NOON, None]))
    sound[at % len(sound)] = byte
    try:
        read_manifest(bytes(sound))
    except InputError as error:
        assert error.hint  # noqa: PT017 -- both ends are fine


@pytest.mark.parametrize(
    ("version", "is_refused"),
    [("1.30.0", True), ("1.41.1", True), ("1.41.2", False), ("2.1.0", False), ("0.20.31", True),
     ("1.41.2rc1", True), ("3.0.0b1", False)],
)  # fmt: skip
def test_a_polars_that_reads_wrong_columns_is_refused_in_a_sentence(version, is_refused):
    if not is_refused:
        require_polars(version)
        return
    with pytest.raises(InputError, match=f"polars {version} is installed") as caught:
        require_polars(version)
    assert "pip install 'polars>=1.41.2,<3'" in caught.value.hint

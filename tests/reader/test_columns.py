import io
import re
import shlex

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.errors import InputError
from batchcancel.reader.columns import Asked, columns_of, plain
from batchcancel.reader.read import read_manifest
from batchcancel.settings.quantities import COLUMNS, columns, named_columns

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def refusal(*names, **asked):
    with pytest.raises(InputError) as caught:
        columns_of(names, Asked(**asked))
    return caught.value


@pytest.mark.parametrize(
    "name",
    ["Starts_At", "STARTS AT", " starts-at ", "starts\u00a0at", "\ufeffstarts__at",
     "_Starts - At_"],
)  # fmt: skip
def test_a_name_counts_as_it_is_meant(name):
    found = columns_of(["appointment_id", name])
    assert {"appointment_id": "appointment_id", "starts_at": name} == found.used


@pytest.mark.parametrize(
    ("name", "our"),
    [
        ("start_at", "starts_at"), ("startsat", "starts_at"), ("strats_at", "starts_at"),
        ("starst_ta", "starts_at"), ("appointment_dates", "appointment_date"),
        ("sessions", "session"), ("seesion", "session"), ("esssion", "session"),
        ("branchid", "branch_id"), ("note", "notes"), ("nots", "notes"), ("onotes", "notes"),
        ("dates", "date"), ("dtae", "date"), ("outcomes", "outcome"), ("start_known", None),
        ("seszions_", "session"), ("nnotess", None), ("dayte", "date"), ("day", None),
        ("comment", None), ("patient", None), ("status", None), ("reasons", None),
    ],
)  # fmt: skip
def test_what_is_close_to_a_missing_column_is_asked_about_and_nothing_else(name, our):
    if our is None:
        assert (name,) == columns_of(["appointment_id", name]).ignored
        return
    error = refusal("appointment_id", name)
    assert f"did you mean {our}?" in error.message
    for typed in re.findall(r"--(?:ignore-)?column \S+", error.hint):
        option, value = shlex.split(typed)
        is_named = option == "--column"
        asked = Asked(named=named_columns(value)) if is_named else Asked(ignoring=columns(value))
        assert is_named == (our in columns_of(["appointment_id", name], asked).used)


@pytest.mark.parametrize("asked", [Asked(), Asked(ignoring=("date",), named=("notes=Why",))])
def test_the_same_table_uses_and_ignores_the_same_columns_as_csv_and_as_parquet(asked):
    table = pl.DataFrame({one: ["a"] for one in ("Why", "appointment_id", "phone", "", "Session")})
    table = table.with_columns(date=pl.lit("2026-06-15"))
    packed = io.BytesIO()
    table.write_parquet(packed)
    written = table.write_csv().encode()
    columns = [read_manifest(one, asked=asked).columns for one in (written, packed.getvalue())]
    assert columns[0] == columns[1]


def test_a_column_that_was_named_wins_over_one_of_that_name():
    found = columns_of(["date", "appointment_id", "Day"], Asked(named=("date=day",)))
    assert ({"appointment_id": "appointment_id", "date": "Day"}, ("date",)) == (
        found.used,
        found.ignored,
    )


def test_a_column_is_ignored_by_its_own_name_first_and_else_by_what_it_means():
    names = ["appointment_id", "Date", "date"]
    assert "Date" == columns_of(names, Asked(ignoring=("date",))).used["date"]
    assert "date" not in columns_of(names[:2], Asked(ignoring=("date",))).used
    assert "date" not in columns_of(["appointment_id"], Asked(ignoring=("date",))).used
    named = Asked(ignoring=("date",), named=("date=Booked",))
    assert "date" not in columns_of(["appointment_id", "Booked"], named).used


@pytest.mark.parametrize(
    ("asked", "option"),
    [({"ignoring": ("dtae",)}, "--ignore-column"), ({"named": ("date=dtae",)}, "--column")],
)
def test_an_option_that_names_no_column_is_refused(asked, option):
    error = refusal("appointment_id", "x", **asked)
    assert "has no column 'dtae'" in error.message
    assert option in error.hint


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(COLUMNS[1:6]), st.data())
def test_one_change_is_always_close(our, data):
    at = data.draw(st.integers(0, len(our) - 1))
    letter = data.draw(st.sampled_from(LETTERS))
    changed = data.draw(
        st.sampled_from([our[:at] + our[at + 1 :], our[:at] + letter + our[at:],
                         our[:at] + letter + our[at + 1 :]])
    )  # fmt: skip
    if plain(changed) not in COLUMNS:
        assert "did you mean" in refusal("appointment_id", changed).message


@pytest.mark.parametrize(
    "text", ["", "=x", "date=", "date", "patient=x", "date=a,date=b", "date=a,session=a"]
)
def test_a_name_for_a_column_that_says_nothing_or_too_much_is_refused(text):
    with pytest.raises(ValueError, match=r"write|name"):
        named_columns(text)

import io
import os
import sys
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.errors import ExitCode, InputError
from batchcancel.reader import read as reading
from batchcancel.reader.columns import Asked
from batchcancel.reader.manifest import Manifest
from batchcancel.reader.read import read_manifest
from batchcancel.reader.rejected import REASONS
from batchcancel.reader.strict_csv import StrictReading


def read(data: str | bytes) -> Manifest:
    data = data.encode() if isinstance(data, str) else data
    return read_manifest(data)


def parquet(**columns: object) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def csv_of(**columns: object) -> bytes:
    return pl.DataFrame(columns).write_csv().encode()


def refusal(data: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        read(data)
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.BAD_INPUT
    return caught.value


def rejected(manifest: Manifest) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in manifest.rejected]


@pytest.mark.parametrize(
    ("data", "ids"),
    [("appointment_id\n1\n2", ["1", "2"]), ("appointment_id,,\na,,\n", ["a"]),
     ('"so ""called""\nname",appointment_id\nx,a\n"y\n",b\n', ["a", "b"]),
     *((f"appointment_id\n{one}\n", [one]) for one in ("x", "x" * 64, "007", "1e5", "-", "NA",
                                                       "null", "12345678901234567890"))],
)  # fmt: skip
def test_ids_are_exact_strings_and_enough_whatever_stands_beside_them(data, ids):
    assert ids == read(data).ids()


@pytest.mark.parametrize("ending", ["", "\r", "\n\r", "\r\r\n", "\r\n\n"])
def test_line_ends_of_whatever_kind_after_the_last_row_are_no_rows(ending):
    manifest = read("appointment_id,notes\na,x" + ending)
    assert (1, []) == (manifest.rows, list(manifest.rejected))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\ufeff\ufeff"])
def test_line_ends_and_a_byte_order_mark_make_no_difference(ending, mark):
    text = mark + ending.join(["appointment_id,notes", 'a,"x, ""y"""', "b,", ""])
    expected = [(2, "a", 'x, "y"'), (3, "b", None)]
    assert expected == read(text).frame.select("line", "appointment_id", "notes").rows()


def test_columns_are_found_by_name_wherever_they_stand():
    text = "patient_id,appointment_id,day,notes\np1,a1,nonsense,closed\n"
    expected = {"line": 2, "appointment_id": "a1", "notes": "closed"}
    [row] = read(text).frame.rows(named=True)
    assert expected == {name: cell for name, cell in row.items() if cell is not None}


def test_starts_at_and_appointment_date_may_both_be_there_and_agree():
    text = (
        "appointment_date,appointment_id,starts_at\n"
        "2026-06-15T11:00+02:00,a,2026-06-15T09:00Z\n2026-06-15T10:00Z,b,\n"
        "2026-06-15,c,2026-06-15T10:00Z\n"
    )
    expected = [datetime(2026, 6, 15, hour, tzinfo=UTC) for hour in (9, 10, 10)]
    assert expected == read(text).frame.get_column("starts_at").to_list()


def test_blank_lines_are_not_rows():
    manifest = read("\n\nappointment_id,notes\n\na,\n\r\nb,\n\n")
    assert ([5, 7], ()) == (manifest.frame.get_column("line").to_list(), manifest.rejected)


REJECTED = {
    "empty_id": ",x,",
    "repeated_header": "Appointment-ID,notes",
    "bad_id": "apt/1,,",
    "conflicting_duplicate": "good,other,",
    "unreadable_time": "a,,tomorrow",
    "unreadable_date": "a,,,2026-02-30",
    "ragged": "a",
    "stray_quote": 'a,5" pipe,',
    "unclosed_quote": 'a,"note,',
    "stray_return": "a,x\ry,",
    "cell_too_long": "a," + "x" * 200_000 + ",",
    "nul": "a,x\0y,",
    "notes_too_long": "a," + "x" * 2_001 + ",",
    "rejected_before": "a,,,,rejected_row",
    "unreadable_known_by": "a,,,,,hour",
    "contradicting_start": "a,,2026-06-15,2026-06-16",
}


def row_of_six(cells: str) -> str:
    return cells + "," * (5 - cells.count(",")) if "," in cells else cells


@pytest.mark.parametrize("reason", REJECTED)
def test_every_fault_of_a_row_has_a_reason(reason):
    header = "appointment_id,notes,starts_at,date,outcome,start_known_by"
    text = f"{header}\n{row_of_six(REJECTED[reason])}\n"
    if reason == "conflicting_duplicate":
        assert [(2, reason), (3, reason)] == rejected(read(text + "good,,,,,\n"))
    else:
        assert [(2, reason)] == rejected(read(text))


def test_a_repeated_header_is_none_of_the_appointments_whatever_the_column_is_called():
    asked = Asked(named=("appointment_id=Ref",))
    manifest = read_manifest(b"Ref\na\nref\nREF\n", asked=asked)
    assert ["a"] == manifest.ids()
    assert ["repeated_header"] * 2 == [one.reason for one in manifest.rejected]


def test_every_reason_is_told_in_plain_words_and_tested():
    assert REASONS.keys() == REJECTED.keys() | {"non_existent_time"}


def test_notes_may_be_as_long_as_those_of_the_command_counted_in_characters():
    assert [] == rejected(read(f"appointment_id,notes\na,{'Ä' * 2_000}\n"))
    assert [(2, "notes_too_long")] == rejected(read(f"appointment_id,notes\na,{'☎' * 2_001}\n"))


@pytest.mark.parametrize("bad", [b"\xed\xa0\x80", b"\xff\xfe\xfd"])
def test_text_that_is_no_unicode_is_refused_in_a_sentence_also_in_parquet(tmp_path, bad):
    path = tmp_path / "m.parquet"
    frame = pl.DataFrame({"appointment_id": ["a"], "notes": ["xyz"]})
    frame.write_parquet(path, compression="uncompressed", statistics=False)
    path.write_bytes(path.read_bytes().replace(b"xyz", bad))
    with pytest.raises(InputError, match="not Unicode"):
        read_manifest(str(path))


@pytest.mark.parametrize("outcome", ["", "cancelled", "Rejected_row", "dental"])
def test_no_other_outcome_than_an_exports_own_makes_a_row_unreadable(outcome):
    assert [] == rejected(read(f"appointment_id,outcome\na,{outcome}\n"))


def test_an_outcome_that_is_no_text_is_another_programs_column(tmp_path):
    path = tmp_path / "m.parquet"
    pl.DataFrame({"appointment_id": ["a"], "outcome": [4]}).write_parquet(path)
    assert (["a"], ()) == ((found := read_manifest(str(path))).ids(), found.rejected)


@pytest.mark.parametrize(
    ("row", "known"), [("a,?", "a"), ("no id,", None), (",?", None), ("a", None)]
)
def test_a_rejected_row_keeps_its_id_where_that_can_be_read(row, known):
    [found] = read(f"appointment_id,starts_at\n{row}\n").rejected
    assert known == found.appointment_id


def test_all_faults_of_a_file_are_found_in_one_go_and_good_rows_stay():
    text = 'appointment_id,starts_at\na\nb b,\nc,?\n"d"x,\n\ne,2026-06-15\n'
    manifest = read(text)
    expected = [(2, "ragged"), (3, "bad_id"), (4, "unreadable_time"), (5, "stray_quote")]
    assert (expected, ["e"], 5) == (rejected(manifest), manifest.ids(), manifest.rows)


def test_a_manifest_of_rejected_rows_alone_is_not_empty():
    assert ([(2, "ragged")], 1) == (rejected(read("appointment_id\na,\n")), 1)


@pytest.mark.parametrize(
    "bad", ["x" * 65, "a b", " a", "a\u0301", "é", "a.b", "..", "a%2F", "٣", "a\tb"]
)
def test_an_id_with_anything_else_in_it_is_rejected(bad):
    assert [(2, "bad_id")] == rejected(read(f"appointment_id\n{bad}\n"))


@pytest.mark.parametrize(
    "data",
    ["", "\n", "\ufeff", " \n ", "appointment_id", "appointment_id\n\n",
     "appointment_id,notes\r\n", parquet(appointment_id=pl.Series([], dtype=pl.String))],
)  # fmt: skip
def test_a_manifest_without_rows_is_empty(data):
    assert "the manifest is empty" == refusal(data).message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("appointment_id\na\n".encode("utf-16-le"), "not a table: it is binary, or UTF-16 text"),
        (b"\x7fELF\0\0", "not a table: it is binary, or UTF-16 text"),
        (b"PK\x03\x04", "not a table: it is a spreadsheet or a ZIP archive"),
        (b"\x1f\x8b\x08", "compressed with gzip, and damaged or cut short"),
        (b"appointment_id\na\nb\xe9\n", "not UTF-8 text at line 3"),
        (b"PAR1 and nothing", "begins like Parquet and cannot be read as Parquet"),
        ('appointment_id,"notes\na,\n', f"cannot be read: line 1: {REASONS['unclosed_quote']}"),
        ("a,a,appointment_id\n", "has more than one column named 'a'"),
        ("id,x\n1,2\n", "has no column appointment_id; its columns are 'id', 'x'"),
        (parquet(appointment_id=[7]), "appointment_id of the manifest holds Int64, not strings"),
        (parquet(appointment_id=["7"], branch_id=[1.5]),
         "branch_id of the manifest holds Float64, not strings"),
    ],
)  # fmt: skip
def test_what_is_not_a_manifest_is_refused_in_one_sentence(data, message):
    assert refusal(data).message.endswith(message)


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("id,name", "--column appointment_id=id"),
        ("Booking ref", "--column appointment_id=NAME"),
        ("apointment_id", "--column appointment_id=apointment_id"),
    ],
)
def test_a_missing_id_column_comes_with_a_hint(header, hint):
    assert hint in refusal(header + "\n1\n").hint


def test_names_in_a_message_cannot_steer_a_terminal_or_fill_it():
    message = refusal("\x1b[2J\u202e," + "y" * 5000 + "".join(f",n{n}" for n in range(500)))
    assert "\\x1b[2J\\u202e" in message.message
    assert message.message.endswith(", 490 more")
    assert len(message.message) < 300
    assert message.message.isprintable()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no manifest at '{}'"),
        (lambda path: path.mkdir(), "'{}' is a directory, not a manifest"),
        (
            lambda path: path.symlink_to(path),
            "the manifest '{}' cannot be read: " + os.strerror(40),
        ),
    ],
)
def test_a_path_that_cannot_be_read_is_refused(tmp_path, make, message):
    path = tmp_path / "closed*.csv"
    make(path)
    with pytest.raises(InputError) as caught:
        read_manifest(str(path))
    assert message.format(path) == caught.value.message
    assert caught.value.hint


def test_something_that_is_no_path_is_refused():
    with pytest.raises(InputError, match="cannot be read: not a path"):
        read_manifest("a\0b")


def test_a_path_is_never_a_pattern(tmp_path):
    (tmp_path / "a.csv").write_text("appointment_id\nwrong\n")
    (tmp_path / "[a].csv").write_text("appointment_id\nright\n")
    assert ["right"] == read_manifest(str(tmp_path / "[a].csv")).ids()


def test_the_content_decides_on_the_format_and_not_the_name(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_bytes(parquet(appointment_id=["a"]))
    assert (["a"], str(path)) == (read_manifest(str(path)).ids(), read_manifest(str(path)).source)


def test_standard_input_is_read_when_none_is_handed_in(monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(b"appointment_id\na\n"))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert ["a"] == read_manifest("-").ids()


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_row_lost_by_the_fast_reader_is_noticed(monkeypatch, lost):
    found = pl.DataFrame({"appointment_id": ["a", "b", "c"]})
    kept = found.filter(pl.int_range(pl.len()) != lost)
    monkeypatch.setattr(reading.pl, "read_csv", lambda *_, **__: kept)
    expected = f"two independent readings of the manifest disagree at line {lost + 2}"
    assert refusal("appointment_id\na\nb\nc\n").message == f"{expected}; nothing was sent"


@pytest.mark.parametrize(
    ("ids", "line"),
    [(["a", "B", "c"], 3), (["a", "b", "c", "d"], 4), (["x", "a", "b"], 2), ([], 2)],
)
def test_ids_that_differ_between_the_readers_are_noticed(ids, line):
    strict = StrictReading(ids=["a", "b", "c"], lines=range(2, 5))
    with pytest.raises(InputError, match=f"disagree at line {line};"):
        reading._require_same_rows(pl.Series(ids, dtype=pl.String), strict)


def test_rows_that_only_the_fast_reader_finds_are_noticed():
    with pytest.raises(InputError, match="disagree at line 1;"):
        reading._require_same_rows(pl.Series(["a"]), StrictReading(ids=[], lines=[]))


def test_a_file_the_fast_reader_refuses_is_a_disagreement(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("secret cell")

    monkeypatch.setattr(reading.pl, "read_csv", refuse)
    assert "disagree at line 2" in refusal("appointment_id\na\n").message


@pytest.mark.parametrize("name", ["^a.*$", "*", "a"])
@pytest.mark.parametrize("write", [parquet, csv_of])
def test_the_name_of_a_column_is_no_pattern(name, write):
    asked = Asked(named=(f"appointment_id={name}",))
    assert ["1"] == read_manifest(write(**{name: ["1"], "ab": ["2"]}), asked=asked).ids()


def test_parquet_columns_are_read_by_name_and_rows_counted_from_one():
    manifest = read(
        parquet(
            patient=[1, 2, 3, 4],
            appointment_id=["007", None, "c/c", "d"],
            session=["morning", "", None, "x\0"],
            notes=pl.Series([None] * 4, dtype=pl.Null),
        )
    )
    expected = {"line": 1, "appointment_id": "007", "session": "morning"}
    [row] = manifest.frame.rows(named=True)
    assert expected == {name: cell for name, cell in row.items() if cell is not None}
    assert [(2, "empty_id"), (3, "bad_id"), (4, "nul")] == rejected(manifest)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_parquet_instants_are_read_in_any_unit_and_timezone(unit, zone):
    nine = datetime(2026, 6, 15, 9, 0, 0, 5000, tzinfo=UTC)
    starts = pl.Series([nine], dtype=pl.Datetime("us", "UTC")).cast(pl.Datetime(unit, zone))
    manifest = read(parquet(appointment_id=["a"], starts_at=starts))
    assert [nine] == manifest.frame.get_column("starts_at").to_list()


@pytest.mark.parametrize(
    ("start", "expected"),
    [(datetime(2026, 6, 15, 9), (datetime(2026, 6, 15, 9), None)),  # noqa: DTZ001 -- local on purpose
     ("2026-06-15 09:00", (datetime(2026, 6, 15, 9), None)),  # noqa: DTZ001 -- local on purpose
     (date(2026, 6, 15), (None, date(2026, 6, 15)))],
)  # fmt: skip
def test_parquet_starts_without_an_offset_are_local_and_a_day_is_no_midnight(start, expected):
    frame = read(parquet(appointment_id=["a"], appointment_date=[start])).frame
    assert [expected] == frame.select("local_start", "date").rows()


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_parquet_times_beyond_the_calendar_are_unreadable(unit):
    starts = pl.Series([2**63 - 1, -(2**63) + 1, -1, 0]).cast(pl.Datetime(unit))
    manifest = read(parquet(appointment_id=["a", "b", "c", "d"], starts_at=starts))
    assert [(line, "unreadable_time") for line in (1, 2, 3)] == rejected(manifest)


def test_parquet_dates_may_be_dates_or_strings():
    days = pl.Series([20_000, 2**31 - 1, -1, None], dtype=pl.Int32).cast(pl.Date)
    manifest = read(parquet(appointment_id=["a", "b", "c", "d"], date=days))
    assert [date(2024, 10, 4), None] == manifest.frame.get_column("date").to_list()
    assert [(2, "unreadable_date"), (3, "unreadable_date")] == rejected(manifest)
    assert [date(2024, 10, 4)] == read(
        parquet(appointment_id=["a"], date=["2024-10-04"])
    ).frame.get_column("date").to_list()


def test_the_same_table_has_the_same_digest_as_csv_and_as_parquet():
    starts = pl.Series([datetime(2026, 6, 15, 9, tzinfo=UTC), None])
    table = parquet(appointment_id=["a", "b"], starts_at=starts, notes=["", "x"])
    text = "appointment_id,notes,starts_at\nb,x,\na,,2026-06-15T14:30+05:30\n"
    assert read(table).digest == read(text).digest


def simple_records(text: str) -> list[list[str]]:
    """Read well-formed CSV one character at a time."""
    records, cells, cell, quoted, after = [], [], "", False, ""
    for mark in text:
        if quoted:
            quoted, cell = (False, cell) if mark == '"' else (True, cell + mark)
        elif mark == '"':
            quoted, cell = True, cell + ('"' if after == '"' else "")
        elif mark in ",\n":
            cells.append(cell)
            cell = ""
        elif mark != "\r":
            cell += mark
        if mark == "\n" and not quoted:
            records.append(cells)
            cells = []
        after = mark
    return records


IDS = st.text("aZ09_-", min_size=1, max_size=4) | st.sampled_from(["007", "1e5", "inf", "null"])
CELLS = st.text("\",\n\r aé\u2028😀=#;'\t", max_size=6)
ROWS = st.lists(st.tuples(CELLS, IDS, CELLS), min_size=1, max_size=8)


def written(cell: str, *, quote: bool) -> str:
    needs_quotes = quote or any(mark in cell for mark in '",\n\r')
    return '"' + cell.replace('"', '""') + '"' if needs_quotes else cell


@settings(max_examples=150, deadline=None)
@given(ROWS, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_csv_is_read_as_an_independent_simple_reader_reads_it(rows, quote, ending):
    table = [("extra", "appointment_id", "notes"), *rows]
    lines = [",".join(written(cell, quote=quote) for cell in row) for row in table]
    text = "".join(line + ending for line in lines)
    expected = {(row[1], row[2] or None) for row in simple_records(text)[1:]}
    contradicted = {one for one, _ in expected if sum(one == other for other, _ in expected) > 1}
    manifest = read(text)
    assert {row for row in expected if row[0] not in contradicted} == set(
        manifest.frame.select("appointment_id", "notes").rows()
    )
    assert len(rows) == manifest.rows + manifest.duplicates


@settings(max_examples=150, deadline=None)
@given(st.text('",\n\r a1é\0', max_size=30))
def test_any_text_is_read_or_refused_and_no_sound_row_holds_a_quote(text):
    try:
        manifest = read("appointment_id,notes\n" + text)
    except InputError as error:
        assert error.message == "the manifest is empty"  # noqa: PT017 -- both ends are fine
        return
    assert set("".join(manifest.ids())) <= set("a1")
    assert manifest.rows + manifest.duplicates > 0

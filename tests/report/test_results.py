"""Results files: byte-exact for machines, harmless in spreadsheets, manifests again."""

import csv
import json
import stat
from datetime import UTC, date, datetime

import polars as pl
import pytest

from batchcancel.errors import InputError
from batchcancel.ledger.contract import RowRecord, State
from batchcancel.reader.read import read_manifest
from batchcancel.report.results import csv_text, write_results

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
WAITING = RowRecord(
    "007", NOON, date(2026, 11, 3), "MORNING", "br_1", State.WAITING, outcome=None, reason=None,
    attempts=0, opened_at=None, settled_at=None,
)  # fmt: skip
GIVEN_UP = WAITING._replace(
    appointment_id="1e5", state=State.OPEN, outcome="gave_up", attempts=5, opened_at=NOON
)
REFUSED = RowRecord(
    "99999999999999999999", None, None, None, None, State.SETTLED, outcome="refused",
    reason="LOCKED", attempts=1, opened_at=NOON, settled_at=NOON.replace(microsecond=500_000),
)  # fmt: skip
ROWS = [WAITING, GIVEN_UP, REFUSED]
ENDINGS = [".csv", ".json", ".parquet"]


@pytest.fixture(params=ENDINGS)
def path(request, tmp_path):
    return tmp_path / f"results{request.param}"


def cells(path):
    """Every row of a results file as a dictionary; in CSV all cells are text."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file, strict=True))
    if path.suffix == ".json":
        return json.loads(path.read_text())
    return pl.read_parquet(path).to_dicts()


def column(path, name):
    return [row[name] for row in cells(path)]


def test_the_columns_are_those_of_the_account_and_the_rows_are_counted(path):
    assert write_results(iter(ROWS), path) == 3
    assert list(cells(path)[0]) == list(RowRecord._fields)


def test_ids_are_kept_byte_for_byte(path):
    ids = ["007", "1e5", "99999999999999999999", "-1", "TRUE", "null", "0x1F", "_"]
    write_results([WAITING._replace(appointment_id=one) for one in ids], path)
    assert column(path, "appointment_id") == ids


def test_times_are_iso_8601_in_utc_and_what_is_not_known_is_null_and_in_csv_empty(path):
    write_results([REFUSED], path)
    [row] = cells(path)
    assert row["opened_at"] == "2026-11-03T12:00:00Z"
    assert row["settled_at"] == "2026-11-03T12:00:00.500Z"
    unknown = "" if path.suffix == ".csv" else None
    assert {row[name] for name in ("starts_at", "date", "session", "branch_id")} == {unknown}
    assert row["attempts"] == ("1" if path.suffix == ".csv" else 1)


def test_a_batch_without_rows_is_a_file_without_rows(path):
    assert write_results([], path) == 0
    assert cells(path) == []


def test_a_name_of_a_column_that_would_be_a_formula_is_text_too():
    assert csv_text(pl.DataFrame({"=x": ["a"], "-b": ["+1+1"]})) == "'=x,-b\na,'+1+1\n"


def test_more_rows_than_a_spreadsheet_has_lines_are_refused_and_not_lost(tmp_path, monkeypatch):
    monkeypatch.setattr("batchcancel.report.results._MOST_LINES", 2)
    with pytest.raises(InputError, match="2 lines at most"):
        write_results(ROWS, tmp_path / "results.xlsx")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_results_are_a_manifest_again(tmp_path, ending):
    path = tmp_path / f"results{ending}"
    write_results(ROWS, path)
    manifest = read_manifest(str(path))
    assert manifest.rejected == ()
    assert [row[:5] for row in manifest.ledger_rows()] == [row[:5] for row in ROWS]


REJECTED = WAITING._replace(
    appointment_id=None, state=State.SETTLED, outcome="rejected_row", reason="bad_id", line=7
)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_rejected_rows_of_an_export_are_rejected_again_and_the_others_stay(tmp_path, ending):
    path = tmp_path / f"results{ending}"
    named = REJECTED._replace(appointment_id="a", reason="unreadable_time", line=9)
    write_results([*ROWS, named, REJECTED], path)
    manifest = read_manifest(str(path))
    assert ["rejected_before"] * 2 == [row.reason for row in manifest.rejected]
    assert sorted(row.appointment_id for row in ROWS) == manifest.ids()


class TestOutcomes:
    @pytest.mark.parametrize(
        ("outcomes", "picked"),
        [
            (None, ROWS),
            ([], ROWS),
            (["refused"], [REFUSED]),
            (["waiting"], [WAITING]),
            (["open"], [GIVEN_UP]),
            (["gave_up", "refused"], [GIVEN_UP, REFUSED]),
            (["cancelled"], []),
        ],
    )
    def test_rows_are_picked_by_outcome_or_by_state(self, path, outcomes, picked):
        assert write_results(ROWS, path, outcomes=outcomes) == len(picked)
        assert column(path, "appointment_id") == [row.appointment_id for row in picked]

    @pytest.mark.parametrize(
        ("outcome", "hint"),
        [("canceled", "Did you mean cancelled?"), ("?", "There are cancelled, already_cancelled,")],
    )
    def test_an_unknown_outcome_is_refused_with_what_was_meant_or_all_there_are(
        self, path, outcome, hint
    ):
        with pytest.raises(InputError, match="there is no outcome") as refusal:
            write_results(ROWS, path, outcomes=[outcome])
        assert refusal.value.hint.startswith(hint)
        assert not path.exists()


class TestSpreadsheets:
    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    def test_a_cell_that_would_be_a_formula_is_text_in_csv(self, tmp_path, start):
        path = tmp_path / "results.csv"
        formula = f'{start}HYPERLINK("x")'
        write_results([WAITING._replace(session=formula, branch_id=formula)], path)
        assert column(path, "session") == column(path, "branch_id") == [f"'{formula}"]

    def test_codes_are_kept_byte_for_byte(self, path):
        write_results([WAITING._replace(branch_id="-12", session="-")], path)
        assert (column(path, "branch_id"), column(path, "session")) == (["-12"], ["-"])

    @pytest.mark.parametrize("ending", [".json", ".parquet"])
    def test_other_files_hold_the_text_itself(self, tmp_path, ending):
        path = tmp_path / f"results{ending}"
        write_results([WAITING._replace(session="=1+1")], path)
        assert column(path, "session") == ["=1+1"]


class TestFiles:
    def test_an_old_file_is_replaced_and_the_new_one_is_private(self, path):
        path.write_text("old")
        write_results(ROWS, path)
        assert len(cells(path)) == 3
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_an_error_while_the_rows_are_read_leaves_the_old_file(self, path):
        def broken():
            yield WAITING
            raise InterruptedError

        path.write_text("old")
        with pytest.raises(InterruptedError):
            write_results(broken(), path)
        assert path.read_text() == "old"
        assert list(path.parent.iterdir()) == [path]

    def test_the_ending_may_be_in_capitals(self, tmp_path):
        assert write_results(ROWS, tmp_path / "RESULTS.CSV") == 3

    def test_an_unknown_ending_is_refused_before_any_row_is_read(self, tmp_path):
        def unread():
            pytest.fail("a row was read")
            yield WAITING

        with pytest.raises(InputError, match="names no kind of file") as refusal:
            write_results(unread(), tmp_path / "results.txt")
        assert refusal.value.hint == "Let it end with one of .csv, .json, .parquet, .xlsx."

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="cannot be written: No such file") as refusal:
            write_results(ROWS, tmp_path / "nowhere" / "results.csv")
        assert refusal.value.hint

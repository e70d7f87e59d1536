"""What became of each row, beside the manifest's own columns."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from batchcancel.errors import InputError
from batchcancel.ledger.contract import RowRecord, State
from batchcancel.people.beside import beside

KOLKATA = ZoneInfo("Asia/Kolkata")
CSV = "name,appointment_id,outcome\nAsha,a2,x\nBala,a1,y\nChitra,../bad,\nDev,a9,\n"


def row(appointment_id, outcome=None, *, line=None, known_by="exact"):
    return RowRecord(
        appointment_id=appointment_id, starts_at=datetime(2026, 6, 15, 3, 30, tzinfo=UTC),
        date=None, session=None, branch_id=None,
        state=State.SETTLED if outcome else State.WAITING, outcome=outcome, reason=None, attempts=0,
        opened_at=None, settled_at=None, line=line, start_known_by=known_by,
    )  # fmt: skip


ROWS = [row("a1", "cancelled"), row("a2", known_by="day"), row(None, "rejected_row", line=4)]


@pytest.fixture
def told(tmp_path):
    def told(content=CSV, *, wanted=(), zone=KOLKATA):
        path = tmp_path / "closure.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return beside(str(path), ROWS, timezone=zone, wanted=wanted)

    return told


def test_the_manifest_comes_back_in_its_order_with_what_became_of_each_row(told):
    assert told().rows() == [
        ("Asha", "a2", "waiting", None, "2026-06-15"),
        ("Bala", "a1", "cancelled", None, "2026-06-15 09:00"),
        ("Chitra", "../bad", "rejected_row", None, "2026-06-15 09:00"),
        ("Dev", "a9", None, None, None),
    ]
    assert told().columns == ["name", "appointment_id", "outcome", "reason", "clinic_time"]


def test_of_another_manifest_no_row_has_the_outcome_of_who_stood_in_its_line(told):
    assert told(CSV.replace("../bad", "a7"))["outcome"].to_list() == [
        "waiting",
        "cancelled",
        None,
        None,
    ]


def test_outcomes_pick_rows(told):
    assert told(wanted={"cancelled"})["name"].to_list() == ["Bala"]


@pytest.mark.parametrize(
    "content",
    [CSV.replace(",", ";"), "\ufeff" + CSV, CSV.replace("\n", "\r\n"), "\n" + CSV,
     CSV.encode("utf-16")],
)  # fmt: skip
def test_it_is_read_as_a_run_reads_it(told, content):
    assert told(content, wanted={"cancelled"})["name"].to_list() == ["Bala"]


def test_parquet_is_read_too(tmp_path):
    path = tmp_path / "closure.parquet"
    pl.DataFrame({"appointment_id": ["a1"], "age": [41]}).write_parquet(path)
    found = beside(str(path), ROWS, timezone=None, wanted=())

    assert found.rows() == [("a1", "41", "cancelled", None, "2026-06-15 03:30")]


def test_a_manifest_that_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        beside(str(tmp_path / "none.csv"), ROWS, timezone=None, wanted=())

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from batchcancel.appointments import Outcome, OutcomeName, RejectedRow
from batchcancel.errors import InputError
from batchcancel.ledger.contract import Batch, Intent, LedgerRow, Run, Settled
from batchcancel.ledger.sqlite.ledger import memory_sqlite
from batchcancel.report.status import read_status

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
ORIGIN = "https://h.example"


def batch(name: str) -> Batch:
    return Batch(name=name, origin=ORIGIN, digest="d", rows=2, rejected_rows=1, duplicates=4)


@pytest.fixture
def ledger():
    """A ledger with one batch of two rows and a rejected one; one row is cancelled."""
    ledger = memory_sqlite(origin=ORIGIN, key="fingerprint")
    ledger.hold(Run(run_id="run-1", batch="closure", started_at=NOW))
    rows = [LedgerRow(name, None, None, None, None) for name in ("a1", "a2")]
    ledger.enrol(batch("closure"), rows, [RejectedRow(line=9, reason="ragged")])
    outcome = Outcome(OutcomeName.CANCELLED)
    ledger.commit([Intent(request=1, appointment_id="a1", attempt=1, at=NOW, opened_at=NOW)])
    ledger.commit([Settled(appointment_id="a1", outcome=outcome, at=NOW)])
    yield ledger
    ledger.close()


@pytest.fixture
def finish(ledger):
    """End the run after so many minutes."""

    def finish(minutes: int, exit_code: int) -> None:
        ended_at = NOW + timedelta(minutes=minutes)
        ledger.finish(
            Run(run_id="run-1", batch="closure", started_at=NOW, ended_at=ended_at,
                exit_code=exit_code)
        )  # fmt: skip

    return finish


def test_a_batch_stands_where_its_rows_do(ledger):
    (standing,) = read_status(ledger, only=None)
    lines = standing.text().splitlines()

    assert lines[0] == "Batch closure at https://h.example: 1 of 3 rows are cancelled"
    assert any(line.split()[:2] == ["waiting", "1"] for line in lines)


def test_a_batch_that_restores_another_counts_what_is_restored(ledger):
    undoing = replace(batch("closure.restore"), kind="restore", of_batch="closure")
    ledger.enrol(undoing, [LedgerRow("a1", None, None, None, None)], [])
    first, second = (one.text().splitlines()[0] for one in read_status(ledger, only=None))
    assert first.endswith("1 of 3 rows are cancelled")
    assert second.endswith("0 of 1 rows are restored")


def test_a_run_that_has_not_ended_goes_on_or_was_broken_off(ledger):
    (standing,) = read_status(ledger, only=None)

    assert standing.text().endswith(
        "run 1, run-1, began 2026-06-01 06:00 UTC: going on, or broken off"
    )


def test_a_run_that_has_ended_tells_its_exit_code(ledger, finish):
    finish(minutes=9, exit_code=4)
    (standing,) = read_status(ledger, only="closure")

    assert standing.text().endswith("began 2026-06-01 06:00 UTC, ended 06:09, exit code 4")


def test_the_line_for_machines_adds_up(ledger, finish):
    finish(minutes=9, exit_code=4)
    (standing,) = read_status(ledger, only=None)
    told = standing.as_json("closure.ledger.db")

    assert told["rows"] == told["cancelled"] + told["waiting"] + told["rejected_rows"] == 3
    assert (told["batch"], told["origin"], told["ledger"]) == (
        "closure", ORIGIN, "closure.ledger.db"
    )  # fmt: skip
    assert (told["runs"], told["run_id"], told["exit_code"], told["duplicates"]) == (
        1, "run-1", 4, 4
    )  # fmt: skip


def test_every_batch_is_told_oldest_first(ledger, finish):
    finish(minutes=1, exit_code=4)
    ledger.hold(Run(run_id="run-2", batch="another", started_at=NOW))
    ledger.enrol(batch("another"), [], [])

    assert [one.batch.name for one in read_status(ledger, only=None)] == ["closure", "another"]


def test_one_batch_may_be_named(ledger):
    assert [one.batch.name for one in read_status(ledger, only="closure")] == ["closure"]


def test_a_batch_that_is_not_there_is_refused_with_those_that_are(ledger):
    with pytest.raises(InputError, match="no batch closrue") as refused:
        read_status(ledger, only="closrue")

    assert refused.value.hint == "It has: closure."


def test_an_empty_ledger_has_no_standing():
    ledger = memory_sqlite(origin=ORIGIN, key="fingerprint")

    assert read_status(ledger, only=None) == []
    with pytest.raises(InputError) as refused:
        read_status(ledger, only="closure")
    assert refused.value.hint == "It has: none."
    ledger.close()

import os
import shlex
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from batchcancel.appointments import Outcome, OutcomeName, RejectedRow
from batchcancel.errors import InputError
from batchcancel.ledger.contract import Batch, Intent, LedgerRow, Look, Run, Settled
from batchcancel.ledger.sqlite.ledger import memory_sqlite, open_sqlite, read_sqlite
from batchcancel.report.page import page_html
from batchcancel.report.status import read_status

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
ORIGIN = "https://h.example"
WHO = {
    "host": socket.gethostname(),
    "pid": os.getpid(),
    "options": {"manifest": "closure.csv", "rate": "60/60s", "notice_hours": "0.0", "yes": "True"},
}


def batch(name: str) -> Batch:
    return Batch(name=name, origin=ORIGIN, digest="d", rows=2, rejected_rows=1, duplicates=4,
                 timezone="Asia/Kolkata")  # fmt: skip


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one batch of two rows and a rejected one; one row is cancelled."""
    ledger = open_sqlite(tmp_path / "l.db", origin=ORIGIN, key="fingerprint")
    ledger.hold(Run(run_id="run-1", batch="closure", started_at=NOW, **WHO))
    rows = [LedgerRow(name, None, None, None, None) for name in ("a1", "a2")]
    ledger.enrol(batch("closure"), rows, [RejectedRow(line=9, reason="ragged")])
    outcome = Outcome(OutcomeName.CANCELLED)
    ledger.commit([Intent(request=1, appointment_id="a1", attempt=1, at=NOW, opened_at=NOW)])
    ledger.commit([Settled(appointment_id="a1", outcome=outcome, at=NOW)])
    yield ledger
    ledger.close()


def read(ledger, only=None, at=NOW + timedelta(minutes=1)):
    return read_status(ledger, only=only, ledger="closure.ledger.db", at=at)


@pytest.fixture
def finish(ledger):
    """End the run after so many minutes."""

    def finish(minutes: int, exit_code: int, why: str | None = None) -> None:
        ended_at = NOW + timedelta(minutes=minutes)
        ledger.finish(
            Run(run_id="run-1", batch="closure", started_at=NOW, ended_at=ended_at,
                exit_code=exit_code, why=why)
        )  # fmt: skip

    return finish


def test_a_batch_stands_where_its_rows_do(ledger):
    (standing,) = read(ledger)
    lines = standing.text().splitlines()

    assert lines[0] == "Batch closure at https://h.example: 1 of 3 rows are cancelled"
    assert any(line.split()[:2] == ["waiting", "1"] for line in lines)


def test_many_batches_cost_no_more_questions_than_two(ledger, finish, monkeypatch):
    finish(1, 0)
    asked, execute = [], ledger._execute
    monkeypatch.setattr(
        ledger, "_execute", lambda *one, **how: asked.append(1) or execute(*one, **how)
    )

    def questions(many):
        for number in range(many):
            ledger.enrol(replace(batch(f"night-{number}"), rows=0), [], [])
        asked.clear()
        read(ledger)
        return len(asked)

    assert questions(1) == questions(9)


def test_a_batch_that_restores_another_counts_what_is_restored(ledger):
    undoing = replace(batch("closure.restore"), kind="restore", of_batch="closure")
    ledger.enrol(undoing, [LedgerRow("a1", None, None, None, None)], [])
    second, first = (one.text().splitlines()[0] for one in read(ledger))
    assert first.endswith("1 of 3 rows are cancelled")
    assert second.endswith("0 of 1 rows are restored")


def test_a_run_that_is_alive_is_told_with_its_process_and_when_it_may_be_done(ledger):
    (standing,) = read(ledger)

    assert f"  Running: run 1 (run-1), pid {os.getpid()} on" in standing.text()
    assert "since Mon 2026-06-01 11:30 Asia/Kolkata; 1 rows left" in standing.text()
    assert "at the earliest until Mon 2026-06-01 11:31 Asia/Kolkata" in standing.text()
    assert "batchcancel status closure.ledger.db --watch" in standing.next


def test_a_run_whose_process_is_gone_was_broken_off_and_the_same_command_goes_on(
    ledger, monkeypatch
):
    monkeypatch.setattr("os.kill", no_such_process)
    (standing,) = read(ledger)

    assert "  Broken off: run 1 (run-1)" in standing.text()
    assert "No end was written: it was killed, or lost its power or its ledger." in standing.text()
    assert standing.next.splitlines()[:2] == [
        "Look first:     batchcancel plan closure.csv --notice-hours 0.0",
        "To go on:       batchcancel run closure.csv --notice-hours 0.0 --yes",
    ]


@pytest.mark.parametrize(("code", "told"), [(5, "To go on:"), (4, "To try again:")])
def test_what_a_person_decided_after_a_run_is_not_taken_for_its_end(ledger, finish, code, told):
    """Rows that wait wait for that run, and were held back by nobody."""
    finish(5, code)
    decided = Run(run_id="resolve-1", batch="closure", started_at=NOW, **WHO)
    ledger.hold(decided)
    ledger.finish(replace(decided, ended_at=NOW, exit_code=0))
    (standing,) = read(ledger)

    assert f"with exit code {code}." in standing.text()
    assert told in standing.next
    assert "Held back" not in standing.next


@pytest.mark.skipif(sys.platform != "linux", reason="only there a process is asked what it runs")
@pytest.mark.parametrize(
    ("called", "state"), [("batchcancel", "standing_still"), ("another", "broken_off")]
)
def test_a_run_that_is_there_without_its_lease_stands_still(tmp_path, called, state):
    waits = [sys.executable, "-c", "input()", called]
    ledger = open_sqlite(tmp_path / "l.db", origin=ORIGIN, key="fingerprint")
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as process:
        who = WHO | {"pid": process.pid}
        ledger.hold(Run(run_id="run-1", batch="closure", started_at=NOW, **who))
        ledger.enrol(batch("closure"), [], [])
        ledger.close()
        with closing(read_sqlite(tmp_path / "l.db")) as account:
            (standing,) = read(account)
            told = standing.text()
        process.kill()

    assert standing.as_json()["state"] == state
    assert (f"To wake it:     kill -CONT {process.pid}" in told) == (called == "batchcancel")


def test_what_is_in_doubt_is_for_the_next_run_and_not_for_a_person(ledger, finish):
    ledger.commit([Intent(request=2, appointment_id="a2", attempt=1, at=NOW, opened_at=NOW)])
    gave_up = Outcome(OutcomeName.GAVE_UP, "500")
    ledger.commit([Settled(appointment_id="a2", outcome=gave_up, at=NOW)])
    finish(minutes=9, exit_code=4)
    (standing,) = read(ledger)
    page = page_html(ledger, "closure", ledger="closure.ledger.db", at=NOW)

    told = " ".join(standing.text().split())
    assert "in doubt 1 1 gave up; the next run reads them back before it sends" in told
    assert (1, 1) == (standing.as_json()["in_doubt"], standing.as_json()["gave_up"])
    assert "1 row for a person, 1 row that the next run reads back" in page
    assert "What needs a person, or the next run" in page


def test_how_the_runs_before_ended_is_told_in_a_line(ledger, finish):
    finish(minutes=1, exit_code=5, why="the API does not answer")
    ledger.hold(Run(run_id="run-2", batch="closure", started_at=NOW, **WHO))
    (standing,) = read(ledger)
    assert "\n  Before: run 1 ended with 5: the API does not answer.\n" in standing.text()
    assert standing.as_json()["runs"] == 2


def no_such_process(_pid, _signal):
    raise ProcessLookupError


@pytest.mark.parametrize(("code", "going_on"), [(4, False), (5, True), (143, True)])
def test_a_run_that_has_ended_tells_when_and_why_and_what_to_type(ledger, finish, code, going_on):
    finish(minutes=9, exit_code=code, why="the API does not answer")
    (standing,) = read(ledger, "closure")

    ended = f"  Ended Mon 2026-06-01 11:39 Asia/Kolkata with exit code {code}: the API does not"
    assert ended in standing.text()
    assert going_on == ("To go on:" in standing.next)


@pytest.mark.parametrize("had_notes", [False, True])
def test_notes_that_the_ledger_does_not_keep_are_asked_for_again(ledger, finish, had_notes):
    ledger.note("closure", Look("plan", NOW, {"notes": had_notes}))
    finish(minutes=9, exit_code=5)
    (standing,) = read(ledger)
    assert had_notes == ("same --notes again" in standing.next)


def test_the_command_to_go_on_names_a_ledger_and_a_batch_that_are_others(ledger, finish):
    finish(minutes=9, exit_code=5)
    (standing,) = read_status(ledger, only=None, ledger="/data/my night.db", at=NOW)

    [line] = [one for one in standing.next.splitlines() if one.startswith("To go on:")]
    words = shlex.split(line.partition(":")[2])
    assert words[:5] == ["batchcancel", "run", "closure.csv", "--ledger", "/data/my night.db"]


def test_without_the_clinic_s_timezone_times_are_in_utc(ledger):
    (standing,) = read(ledger)
    known = replace(standing, batch=replace(standing.batch, timezone=None))

    assert "since Mon 2026-06-01 06:00 UTC" in known.text()


def test_the_line_for_machines_adds_up(ledger, finish):
    finish(minutes=9, exit_code=4)
    (standing,) = read(ledger)
    told = standing.as_json()

    assert told["rows"] == told["cancelled"] + told["waiting"] + told["rejected_rows"] == 3
    assert (told["batch"], told["origin"], told["ledger"]) == (
        "closure", ORIGIN, "closure.ledger.db"
    )  # fmt: skip
    assert (told["runs"], told["run_id"], told["last_exit_code"], told["duplicates"]) == (
        1, "run-1", 4, 4
    )  # fmt: skip


def test_every_batch_is_told_the_latest_first(ledger, finish):
    finish(minutes=1, exit_code=4)
    ledger.hold(Run(run_id="run-2", batch="another", started_at=NOW))
    ledger.enrol(batch("another"), [], [])

    assert [one.batch.name for one in read(ledger)] == ["another", "closure"]


def test_one_batch_may_be_named_and_one_that_is_not_there_is_refused_with_those_that_are(ledger):
    assert [one.batch.name for one in read(ledger, "closure")] == ["closure"]
    with pytest.raises(InputError, match="no batch closrue") as refused:
        read(ledger, "closrue")

    assert refused.value.hint == "It has: closure."


def test_an_empty_ledger_has_no_standing():
    ledger = memory_sqlite(origin=ORIGIN, key="fingerprint")

    assert read(ledger) == []
    with pytest.raises(InputError) as refused:
        read(ledger, "closure")
    assert refused.value.hint == "It has: none."
    ledger.close()

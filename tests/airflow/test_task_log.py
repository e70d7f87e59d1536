import logging
from types import SimpleNamespace

import anyio
import pytest

from batchcancel.airflow.task_log import TaskLog
from batchcancel.appointments import Outcome, OutcomeName
from batchcancel.events import (
    Caution,
    FetchBegan,
    FetchEnded,
    RateWindowFull,
    RowEnded,
    RunStarted,
    WindowNotShared,
)
from batchcancel.report.progress import Progress
from batchcancel.settings import quantities
from batchcancel.stop import background

LIMITER = SimpleNamespace(wait=lambda: 0.0, closed=lambda: 0.0, taken=lambda: 0)


@pytest.fixture
def watching(caplog):
    caplog.set_level(logging.INFO)
    return TaskLog(logging.getLogger("task"), account())


def account():
    return Progress(now=lambda: 0.0, attempts=5, where="https://h.example")


class Heard:
    """A log that tells when its first line was written."""

    def __init__(self):
        self.lines = []
        self.first = anyio.Event()

    def info(self, text, *arguments):
        self.lines.append(text % arguments)
        self.first.set()


def progress(rate="60/60s"):
    """The first line of progress of a run that has settled one of 120 appointments."""

    async def until_told():
        heard = Heard()
        watching = TaskLog(heard, account(), every=0.001)
        watching(RunStarted(eligible=120, rate=quantities.rate(rate), limiter=LIMITER))
        watching(RowEnded(appointment_id="a1", outcome=Outcome(OutcomeName.CANCELLED)))
        with anyio.fail_after(60):
            async with background(watching.tell_progress):
                await heard.first.wait()
        return heard.lines[0]

    return anyio.run(until_told)


def test_rows_that_are_fine_have_no_line(watching, caplog):
    for name in (OutcomeName.CANCELLED, OutcomeName.ALREADY_CANCELLED, OutcomeName.SKIPPED):
        watching(RowEnded(appointment_id="a1", outcome=Outcome(name)))
    assert [] == caplog.messages


def test_a_row_in_trouble_is_named_with_its_outcome_and_reason(watching, caplog):
    watching(RowEnded(appointment_id="a1", outcome=Outcome(OutcomeName.REFUSED, "SLOT_FULL")))
    assert ["a1: refused (SLOT_FULL)"] == caplog.messages


def test_a_hundred_rows_in_trouble_are_named_and_the_others_are_in_the_ledger(watching, caplog):
    for number in range(250):
        watching(RowEnded(appointment_id=f"a{number}", outcome=Outcome(OutcomeName.NOT_FOUND)))
    assert 101 == len(caplog.messages)
    assert "the ledger has them all" in caplog.messages[-1]


def test_progress_tells_how_far_the_run_is_and_how_long_it_takes():
    assert "1/120, 1 min 0 s left, 1/min" == progress(rate="60/60s")


def test_without_a_rate_limit_no_time_is_promised():
    assert "1/120, 1 min 59 s left, 60/min" == progress(rate="none")


def test_a_manifest_from_afar_is_told_with_its_size(watching, caplog):
    watching(FetchBegan(manifest="s3://clinic/closure.csv"))
    watching(FetchEnded(manifest="s3://clinic/closure.csv", size=12_345))
    assert caplog.messages == [
        "Fetching s3://clinic/closure.csv ...",
        "Fetched 12,345 bytes of s3://clinic/closure.csv.",
    ]


def test_a_window_that_is_not_shared_is_warned_of(watching, caplog):
    watching(WindowNotShared(folder="/var/state", why="Read-only file system"))
    assert "/var/state cannot be used (Read-only file system)" in caplog.text
    assert ["WARNING"] == [one.levelname for one in caplog.records]


def test_a_wait_and_what_else_one_should_know_are_told(watching, caplog):
    watching(RateWindowFull(seconds=75))
    watching(RateWindowFull(seconds=75, is_closed=True))
    watching(Caution(code="odd", text="the moon is full"))
    assert caplog.messages == [
        "Waiting 1 min 15 s: the rate limit's window is full of earlier requests.",
        "Waiting 1 min 15 s: the API asked for patience (Retry-After), here or elsewhere.",
        "the moon is full",
    ]

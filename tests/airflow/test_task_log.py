import logging
from datetime import timedelta
from types import SimpleNamespace

import anyio
import pytest

from batchcancel.airflow.task_log import TaskLog
from batchcancel.appointments import Outcome, OutcomeName
from batchcancel.background import background
from batchcancel.settings import load_settings

PLAN = SimpleNamespace(eligible=120)
LIMITER = SimpleNamespace(wait=lambda: 0.0)


def settings(**flags):
    return load_settings("m.csv", flags=flags, environ={"HUSKYVOICE_API_KEY": "k"})


@pytest.fixture
def watching(caplog):
    caplog.set_level(logging.INFO)
    return TaskLog(logging.getLogger("task"), settings())


class Heard:
    """A log that tells when its first line was written."""

    def __init__(self):
        self.lines = []
        self.first = anyio.Event()

    def info(self, text, *arguments):
        self.lines.append(text % arguments)
        self.first.set()


def progress(**flags):
    """The first line of progress of a run that has settled one of 120 appointments."""

    async def until_told():
        heard = Heard()
        watching = TaskLog(heard, settings(**flags), every=0.001)
        watching.started(PLAN, LIMITER)
        watching.settled("a1", Outcome(OutcomeName.CANCELLED))
        with anyio.fail_after(60):
            async with background(watching.tell_progress):
                await heard.first.wait()
        return heard.lines[0]

    return anyio.run(until_told)


def test_rows_that_are_fine_have_no_line(watching, caplog):
    for name in (OutcomeName.CANCELLED, OutcomeName.ALREADY_CANCELLED, OutcomeName.SKIPPED):
        watching.settled("a1", Outcome(name))
    assert [] == caplog.messages


def test_a_row_in_trouble_is_named_with_its_outcome_and_reason(watching, caplog):
    watching.settled("a1", Outcome(OutcomeName.REFUSED, "SLOT_FULL"))
    assert ["a1: refused (SLOT_FULL)"] == caplog.messages


def test_a_hundred_rows_in_trouble_are_named_and_the_others_are_in_the_ledger(watching, caplog):
    for number in range(250):
        watching.settled(f"a{number}", Outcome(OutcomeName.NOT_FOUND))
    assert 101 == len(caplog.messages)
    assert "the ledger has them all" in caplog.messages[-1]


def test_progress_tells_how_far_the_run_is_and_how_long_it_takes():
    assert "1 of 120 appointments, 0 in trouble, 1 min 0 s left" == progress(rate="60/60s")


def test_without_a_rate_limit_no_time_is_promised():
    assert "1 of 120 appointments, 0 in trouble" == progress(rate="none")


def test_a_manifest_from_afar_is_told_with_its_size(watching, caplog):
    watching.fetches("s3://clinic/closure.csv")
    watching.fetched("s3://clinic/closure.csv", 12_345)
    assert caplog.messages == [
        "fetching s3://clinic/closure.csv",
        "fetched 12,345 bytes of s3://clinic/closure.csv",
    ]


def test_a_wait_and_a_clock_that_differs_are_told(watching, caplog):
    watching.waits(75)
    watching.clock_differs(timedelta(minutes=-2))
    assert caplog.messages == [
        "waiting 1 min 15 s for the rate limit's window",
        "the API's clock is -120 s from this machine's",
    ]

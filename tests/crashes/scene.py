"""A run of four rows that end in four ways, which dies where it is told to."""

from collections import Counter
from datetime import timedelta

import pytest

from batchcancel.sandbox import Fault
from tests.crashes.boundaries import DIES_AT
from tests.e2e.stage import RUN

ALONE = (*RUN, "--concurrency", "1")
PLAIN, EARLIER, REFUSED, UNKNOWN = "a001", "a002", "a003", "a004"
END = {"cancelled": 1, "already_cancelled": 1, "refused": 1, "not_found": 1}


def end_with(in_doubt):
    """How the run ends that goes on with these rows in doubt: no refusal ends a doubt."""
    of_row = dict(zip((PLAIN, EARLIER, REFUSED, UNKNOWN), END, strict=True))
    of_row |= dict.fromkeys({REFUSED, UNKNOWN} & set(in_doubt), "gave_up")
    return dict(Counter(of_row.values()))


@pytest.fixture
def scene(stage):
    """One row for each way in which an answer settles it."""
    stage.book(PLAIN, EARLIER, REFUSED)
    stage.sandbox.skew(-timedelta(minutes=10))
    stage.sandbox.staff.cancel(EARLIER)
    stage.sandbox.skew(timedelta(0))
    conflict = Fault("status", status=409)
    stage.sandbox.faults.add(conflict, method="PATCH", appointment_id=REFUSED, times=None)
    stage.write("closure.csv", [PLAIN, EARLIER, REFUSED, UNKNOWN])
    return stage


def run_until(stage, boundary):
    """Run, die at that boundary (0 is none), and tell which were passed."""
    log = stage.folder.parent / "passed"
    told = {"PASSED": str(log), "DIES_AT": str(boundary)}
    ended = stage.run(*ALONE, environ=stage.tampered(DIES_AT) | told)
    return ended, log.read_text().splitlines()

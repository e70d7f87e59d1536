"""A disk that takes its time lets nothing meet that should not."""

import pytest

from tests.e2e.stage import RUN

SLOW_ANSWERS = """
import time
from batchcancel.ledger import Answered
from batchcancel.ledgers import sqlite

record = sqlite.record

def slow(db, entry, holder):
    record(db, entry, holder)
    if isinstance(entry, Answered):
        time.sleep(0.5)

sqlite.record = slow
"""


@pytest.mark.long
def test_a_commit_that_lasts_longer_than_the_planning_disturbs_no_enrolment(stage):
    stage.closure(3)
    ended = stage.run(*RUN, environ=stage.tampered(SLOW_ANSWERS))

    assert (0, {"cancelled": 3}) == (ended.returncode, ended.counts)

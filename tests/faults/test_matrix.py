"""Runs every row of the fault matrix in process, on virtual time."""

import math
from collections import Counter

import pytest

from batchcancel.huskyvoice.answers import LONGEST_RETRY_AFTER
from tests.faults.matrix import HIDDEN, MATRIX, PATIENCE, TURNED_AWAY, UNKNOWN
from tests.faults.strikes import Struck
from tests.sample import sampled

pytestmark = pytest.mark.anyio

HIDING = [
    row
    for row in MATRIX
    if any(row.ends is one for one in (UNKNOWN, HIDDEN)) and row not in PATIENCE
]
"""Faults that do not tell whether the change was made."""


def rows(matrix):
    """The rows as parameters, marked with the promises they are about."""
    return [
        pytest.param(row, id=row.fault, marks=[pytest.mark.promise(one) for one in row.promises])
        for row in matrix
    ]


@pytest.fixture
def scene(world):
    """Three appointments; a strike meets the second of them."""
    return Scene(world)


class Scene:
    def __init__(self, world):
        self.world = world
        self.ids = world.appointments(3)
        self.manifest = world.manifest(self.ids)
        self.clear = world.transport

    async def struck(self, row, *, times, is_applied=False):
        """Run while the row's fault happens so often; how it ended, and when it was tried."""
        struck = Struck(
            inner=self.clear,
            strike=row.strike,
            appointment_id=self.ids[1],
            times=times,
            now=self.world.virtual.current_time,
            is_applied=is_applied or row.strike.is_applied,
        )
        self.world.transport = struck.transport
        return await self._run(max_attempts=2, concurrency=1), struck.seen

    async def undisturbed(self):
        """The same command when the trouble is over, and the longest Retry-After with it."""
        self.world.transport = self.clear
        self.world.virtual.jump(LONGEST_RETRY_AFTER)
        return await self._run(max_attempts=2, concurrency=1)

    async def _run(self, **options):
        summary = (await self.world.run(self.manifest, **options)).summary
        with self.world.account() as ledger:
            accounts = {
                one.appointment_id: one.outcome or one.state for one in ledger.rows("closure")
            }
        assert set(self.ids) == set(accounts)
        for appointment_id, outcome in accounts.items():
            if outcome == "cancelled":
                assert "cancelled" == self.world.sandbox.record(appointment_id).status
        return accounts[self.ids[1]], int(summary.exit_code)

    def cancelled(self):
        """How often each appointment was cancelled."""
        return Counter(one.appointment_id for one in self.world.sandbox.changes())


@pytest.mark.parametrize("row", sampled(rows(MATRIX), every=30))
async def test_a_fault_that_happens_once_ends_as_the_table_says(scene, row):
    end, tries = await scene.struck(row, times=1)

    assert row.ends.once == end
    assert (2 if row.ends in (UNKNOWN, TURNED_AWAY) else 1) == len(tries)
    if row.waits is not None:
        assert row.waits == pytest.approx(tries[1] - tries[0])


@pytest.mark.parametrize("row", sampled(rows(MATRIX), every=30, first=3))
async def test_a_fault_that_lasts_ends_as_the_table_says_also_when_it_is_over(scene, row):
    end, tries = await scene.struck(row, times=math.inf)
    afterwards = await scene.undisturbed()

    assert (row.ends.always, row.ends.afterwards) == (end, afterwards)
    if row.ends is TURNED_AWAY:  # no attempt is spent: only the patience bounds it
        assert 300 < tries[-1] - tries[0] <= 600
    else:
        assert len(tries) <= 2
    assert max(scene.cancelled().values()) == 1


@pytest.mark.promise(3)
@pytest.mark.promise(12)
@pytest.mark.parametrize("row", sampled(rows(HIDING), every=20))
async def test_a_change_hidden_by_such_a_fault_is_read_back_and_not_sent_again(scene, row):
    end, tries = await scene.struck(row, times=math.inf, is_applied=True)
    patches = len(scene.world.sandbox.history.patches())
    afterwards = await scene.undisturbed()

    assert [("cancelled", 0)] * 2 == [end, afterwards]
    assert 1 == len(tries)
    assert patches == len(scene.world.sandbox.history.patches())
    assert scene.cancelled()[scene.ids[1]] == 1


def test_no_fault_stands_in_the_table_twice():
    assert [] == [
        fault for fault, count in Counter(row.fault for row in MATRIX).items() if count > 1
    ]

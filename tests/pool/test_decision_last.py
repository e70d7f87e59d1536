"""However long the commit of an intent takes, the clock has the last word before its PATCH."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import anyio
import pytest

from batchcancel.ledger.contract import Intent
from batchcancel.writer import Writer

pytestmark = pytest.mark.anyio
NOTICE = timedelta(hours=24)


class Late:
    """Appointments whose deadline is near, and a ledger that takes its time."""

    def __init__(self, world):
        self.world = world
        self._around = world.surroundings

    def manifest(self, **ahead):
        starts = self.world.now() + timedelta(minutes=2) + timedelta(**ahead) + NOTICE
        ids = self.world.appointments(3, day=starts.astimezone(ZoneInfo("Asia/Kolkata")).date())
        self.deadline = self.world.now() + timedelta(**ahead)
        return self.world.manifest(ids, starts_at=(self.deadline + NOTICE).isoformat())

    def commit(self, commit):
        """Commit by this from now on."""
        new_writer = partial(Writer, offload=commit)
        self.world.surroundings = lambda: replace(self._around(), new_writer=new_writer)

    def stands_still(self, seconds):
        """The machine stands still in the middle of the first commit of an intent."""
        left = [seconds]

        async def commit(write, entries):
            if left and any(isinstance(one, Intent) for one in entries):
                self.world.virtual.jump(left.pop())
            write(entries)

        self.commit(commit)

    async def run(self, manifest):
        finished = await self.world.run(manifest, concurrency=1, notice_hours=24)
        patches = self.world.sandbox.history.patches()
        assert all(one.at <= self.deadline for one in patches)
        counts = finished.summary.counts
        return counts["cancelled"], dict(counts.skipped), counts.open, counts.waiting, finished


@pytest.fixture
def late(world):
    return Late(world)


@pytest.mark.promise(6)
async def test_a_deadline_that_passes_while_another_program_holds_the_ledger_is_kept(late):
    async def commit(write, entries):
        await anyio.sleep(4)
        write(entries)

    late.commit(commit)
    cancelled, *rest, finished = await late.run(late.manifest(seconds=38))
    assert 1 <= cancelled <= 2  # by whether an outcome and the next intent share a commit
    assert [{"notice_window": 3 - cancelled}, 0, 0] == rest
    assert 0 == finished.summary.exit_code


@pytest.mark.promise(6)
@pytest.mark.parametrize("seconds", [20, 3600])
async def test_a_deadline_that_passes_while_the_machine_stands_still_is_kept(late, seconds):
    late.stands_still(seconds)
    *counts, finished = await late.run(late.manifest(seconds=10))
    assert [0, {"notice_window": 3}, 0, 0] == counts
    assert 0 == finished.summary.exit_code


async def test_a_start_that_passes_while_the_machine_stands_still_is_kept(late):
    late.stands_still(25 * 3600)
    *counts, _ = await late.run(late.manifest(seconds=10))
    assert [0, {"already_started": 3}, 0, 0] == counts


@pytest.mark.promise(7)
async def test_a_permit_that_expires_while_the_machine_stands_still_leaves_no_row_open(late):
    late.stands_still(3600)
    *counts, finished = await late.run(late.manifest(hours=30))
    assert [0, {}, 0, 3] == counts
    assert 5 == finished.summary.exit_code

"""Group commits: order, durability, and the end after a failure."""

from datetime import UTC, datetime
from itertools import chain

import anyio
import pytest

from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import Answered
from batchcancel.stop import background
from batchcancel.writer import Writer, inline

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def entry(number):
    return Answered(request=number, at=NOW, result="200")


class Disk:
    """Takes its time for every group, and may fail."""

    def __init__(self, *, seconds=0.0):
        self.groups = []
        self.seconds = seconds
        self.fails = False

    def commit(self, entries):
        if self.fails:
            raise LedgerWriteFailed("disk full")
        self.groups.append([one.request for one in entries])

    async def offload(self, commit, entries, /):
        await anyio.sleep(self.seconds)
        commit(entries)


async def test_durable_returns_when_the_entry_is_on_the_disk():
    disk = Disk(seconds=2)
    writer = Writer(disk.commit, offload=disk.offload)
    async with background(writer.serve):
        await writer.durable(entry(1))
        assert [[1]] == disk.groups
        assert 2.0 == anyio.current_time()


async def test_what_gathers_during_a_commit_shares_the_next_one():
    disk = Disk(seconds=1)
    writer = Writer(disk.commit, offload=disk.offload)
    async with background(writer.serve), anyio.create_task_group() as group:
        for number in range(1, 9):
            group.start_soon(writer.durable, entry(number))
            await anyio.sleep(0.01)
    assert 2 == len(disk.groups)
    assert list(range(1, 9)) == [*chain.from_iterable(disk.groups)]


async def test_noted_entries_are_written_before_later_ones():
    disk = Disk()
    writer = Writer(disk.commit, offload=inline)
    async with background(writer.serve):
        writer.enqueue(entry(1), entry(2))
        writer.enqueue(entry(3))
        await writer.durable(entry(4))
    assert [1, 2, 3, 4] == [*chain.from_iterable(disk.groups)]


async def test_after_a_failure_nothing_more_is_taken():
    disk = Disk()
    disk.fails = True
    writer = Writer(disk.commit, offload=inline)
    async with background(writer.serve):
        with pytest.raises(LedgerWriteFailed):
            await writer.durable(entry(1))
        disk.fails = False
        with pytest.raises(LedgerWriteFailed):
            writer.enqueue(entry(2))
        with pytest.raises(LedgerWriteFailed):
            await writer.durable(entry(3))
    assert [] == disk.groups


async def test_what_gathered_during_a_write_that_failed_is_not_written():
    disk, failed = Disk(seconds=1), []
    disk.fails = True
    writer = Writer(disk.commit, offload=disk.offload)

    async def one(number):
        try:
            await writer.durable(entry(number))
        except LedgerWriteFailed:
            failed.append(number)
            disk.fails = False

    async with background(writer.serve), anyio.create_task_group() as group:
        group.start_soon(one, 1)
        await anyio.sleep(0.5)
        group.start_soon(one, 2)
    assert ([1, 2], []) == (failed, disk.groups)


async def test_whatever_fails_in_a_commit_ends_the_writing_and_nobody_waits_for_ever():
    async def no_thread(commit, entries, /):
        raise RuntimeError("can't start new thread")

    writer = Writer(Disk().commit, offload=no_thread)
    async with background(writer.serve):
        for number in range(2):
            with pytest.raises(LedgerWriteFailed) as failed:
                await writer.durable(entry(number))
            assert isinstance(failed.value.__cause__, RuntimeError)


async def test_who_comes_after_the_writer_was_stopped_does_not_wait_for_it():
    writer = Writer(Disk().commit, offload=inline)
    async with background(writer.serve):
        await writer.durable(entry(1))
    with pytest.raises(LedgerWriteFailed):
        await writer.durable(entry(2))


async def test_who_waits_when_the_writer_is_stopped_waits_no_longer():
    disk, failed = Disk(seconds=5), []
    writer = Writer(disk.commit, offload=disk.offload)

    async def late():
        try:
            await writer.durable(entry(2))
        except LedgerWriteFailed:
            failed.append(2)

    with anyio.move_on_after(60):
        async with anyio.create_task_group() as group, background(writer.serve):
            group.start_soon(writer.durable, entry(1))
            await anyio.sleep(1)
            group.start_soon(late)
            await anyio.sleep(1)
    assert ([2], 5.0) == (failed, anyio.current_time())


async def test_everybody_in_a_failed_group_hears_of_it():
    disk, failed = Disk(seconds=1), []
    disk.fails = True
    writer = Writer(disk.commit, offload=disk.offload)

    async def one(number):
        try:
            await writer.durable(entry(number))
        except LedgerWriteFailed:
            failed.append(number)

    async with background(writer.serve), anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(one, number)
    assert [0, 1, 2, 3, 4] == sorted(failed)


async def test_a_commit_that_has_begun_is_finished_when_everything_stops():
    disk = Disk(seconds=5)
    writer = Writer(disk.commit, offload=disk.offload)
    with anyio.move_on_after(1):
        async with background(writer.serve):
            await writer.durable(entry(1))
    assert [[1]] == disk.groups


async def test_requests_are_numbered_from_one():
    writer = Writer(Disk().commit)
    assert [1, 2, 3] == [writer.next_request_number() for _ in range(3)]


def test_on_asyncio_commits_happen_in_a_thread():
    disk = Disk()
    writer = Writer(disk.commit)

    async def main():
        async with background(writer.serve):
            await writer.durable(entry(1))

    anyio.run(main)
    assert [[1]] == disk.groups

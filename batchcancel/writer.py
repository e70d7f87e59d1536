"""The one place through which intents and outcomes reach the ledger, in group commits.

While one group is on its way to the disk the next one gathers, so that many workers share one
transaction and the ledger never waits for a timer.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import anyio

from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import Entry

Commit = Callable[[Sequence[Entry]], None]


class OffloadCommit(Protocol):
    """How a commit is called: in a thread in the program, inline under a virtual clock."""

    def __call__(self, commit: Commit, entries: Sequence[Entry], /) -> Awaitable[None]: ...


async def in_thread(commit: Commit, entries: Sequence[Entry], /) -> None:
    """Keep the event loop free while the disk works."""
    await anyio.to_thread.run_sync(commit, entries)


async def inline(commit: Commit, entries: Sequence[Entry], /) -> None:
    """Call it here: a virtual clock does not wait for threads."""
    commit(entries)


class _Group:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.written = anyio.Event()


class Writer:
    """Entries reach the ledger in the order they were handed in.

    After a write failed, every call raises `LedgerWriteFailed`: no ledger, no sends.
    """

    def __init__(self, commit: Commit, *, offload: OffloadCommit = in_thread) -> None:
        self._commit = commit
        self._offload = offload
        self._group = _Group()
        self._gathered = anyio.Event()
        self._failure: LedgerWriteFailed | None = None
        self._numbers = 0

    def next_request_number(self) -> int:
        """The number of the next request."""
        self._numbers += 1
        return self._numbers

    def enqueue(self, *entries: Entry) -> None:
        """Hand entries in; they are written soon, and before anything handed in later."""
        self._raise_failure()
        self._group.entries.extend(entries)
        self._gathered.set()

    async def durable(self, *entries: Entry) -> None:
        """Hand entries in and return when they, and all before them, are durable."""
        group = self._group
        self.enqueue(*entries)
        await group.written.wait()
        self._raise_failure()

    async def serve(self) -> None:
        """Write what is handed in, until stopped."""
        try:
            while True:
                await self._gathered.wait()
                group, self._group = self._group, _Group()
                self._gathered = anyio.Event()
                await self._write(group)
        finally:
            # Who still waits, or comes later, must not wait for a writer that is gone.
            self._failure = self._failure or LedgerWriteFailed("the writer was stopped")
            self._group.written.set()

    async def _write(self, group: _Group) -> None:
        try:
            if self._failure is None:
                # A transaction that has begun is finished: its result must be known.
                with anyio.CancelScope(shield=True):
                    await self._offload(self._commit, group.entries)
        except LedgerWriteFailed as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing may be sent any more
            self._failure = LedgerWriteFailed(
                f"the ledger could not be written: unexpected {type(error).__name__}",
                hint="Run the same command again.",
            )
            self._failure.__cause__ = error
        finally:
            group.written.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

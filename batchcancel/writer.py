"""Group commit: the only way by which intents and outcomes reach the ledger.

While one transaction is written the entries for the next one gather. So many workers share one
fsync, and a single entry never waits for a timer or for a group to fill.
"""

from collections.abc import Awaitable, Callable, Sequence

import anyio

from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import Entry

Commit = Callable[[Sequence[Entry]], None]


OffloadCommit = Callable[[Commit, Sequence[Entry]], Awaitable[None]]
"""Calls a blocking commit without blocking the event loop."""


async def inline(commit: Commit, entries: Sequence[Entry], /) -> None:
    """Commit in the event loop, for a virtual clock: it does not wait for threads."""
    commit(entries)


class _Group:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.written = anyio.Event()


class Writer:
    """Writes entries in the order in which they were handed in.

    After a write failed, every call raises `LedgerWriteFailed`: no ledger, no sends.
    """

    def __init__(
        self, commit: Commit, *, offload: OffloadCommit = anyio.to_thread.run_sync
    ) -> None:
        self._commit = commit
        self._offload = offload
        self._group = _Group()
        self._gathered = anyio.Event()
        self._failure: LedgerWriteFailed | None = None
        self._numbers = 0

    def next_request_number(self) -> int:
        """Numbers from 1, unique in this run: they tie an answer to its request."""
        self._numbers += 1
        return self._numbers

    def enqueue(self, *entries: Entry) -> None:
        """Queue entries; they are written soon, and before any that are queued later."""
        self._raise_failure()
        self._group.entries.extend(entries)
        self._gathered.set()

    async def durable(self, *entries: Entry) -> None:
        """Queue entries and return when they, and all before them, are durable."""
        group = self._group  # before anything is awaited: the group that these entries join
        self.enqueue(*entries)
        await group.written.wait()
        self._raise_failure()

    async def serve(self) -> None:
        """Write what is queued, until stopped."""
        try:
            while True:
                await self._gathered.wait()
                # Replaced before it is written: whoever comes meanwhile joins the next group.
                group, self._group = self._group, _Group()
                self._gathered = anyio.Event()
                await self._write(group)
        finally:
            # Whoever waits now or comes later must not wait for a writer that is gone.
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

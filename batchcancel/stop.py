"""The flag that ends a run early, the waits it breaks, and what runs beside it."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio

from batchcancel.errors import BatchcancelError

_ROUNDS = 0.01
"""Seconds in which an idle event loop makes many rounds."""


class Stopped(Exception):  # noqa: N818 - it is no error, it is the way out of a wait
    """A wait ended because the run is to stop."""


class Stop:
    """Asked once, for a reason; the first reason stands.

    Waits inside `breaks()` end at once; what has been sent goes on, for the drain.
    """

    def __init__(self) -> None:
        self.reason: BatchcancelError | None = None
        self._asked = anyio.Event()
        self._waits: set[anyio.CancelScope] = set()

    def ask(self, reason: BatchcancelError) -> None:
        """Begin nothing new from here on."""
        if self.reason is not None:
            return
        self.reason = reason
        self._asked.set()
        for wait in self._waits:
            wait.cancel()

    def raise_if_asked(self) -> None:
        if self.reason is not None:
            raise self.reason

    async def checkpoint(self) -> None:
        """Raise the reason, also for a signal that came while nothing was awaited.

        The event loop takes a few rounds to hand a signal on to whoever receives it.
        """
        await anyio.sleep(_ROUNDS)
        self.raise_if_asked()

    @contextmanager
    def reraises(self) -> Iterator[None]:
        """A stretch in which a broken wait comes out as the reason for the stop."""
        try:
            yield
        except Stopped:
            self.raise_if_asked()
            raise

    async def asked(self) -> None:
        """Wait until somebody asks."""
        await self._asked.wait()

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """A stretch that may be given up; raises `Stopped` when the stop came before or in it."""
        if self.reason is not None:
            raise Stopped
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                yield
            finally:
                self._waits.discard(scope)
        if scope.cancelled_caught:
            raise Stopped

    async def sleep(self, seconds: float) -> None:
        with self.breaks():
            await anyio.sleep(seconds)


Task = Callable[[], Coroutine[Any, Any, None]]
"""What runs beside something else, until that ends."""


@asynccontextmanager
async def background(*tasks: Task) -> AsyncIterator[None]:
    """Start `tasks`; what the body raises comes out as it is, not in an exception group."""
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        for task in tasks:
            group.start_soon(task)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below, outside the group
            failure = error
        finally:
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure

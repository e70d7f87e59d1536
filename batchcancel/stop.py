"""Stop flag for a graceful shutdown, waits that it ends, and background tasks."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from threading import Thread
from typing import Any, TypeVar

import anyio

from batchcancel.errors import BatchcancelError

Result = TypeVar("Result")

_SIGNAL_DELIVERY_S = 0.01
"""Seconds in which an idle event loop runs often enough to deliver a signal that has come."""


class Stopped(Exception):  # noqa: N818 - control flow, not an error
    """A wait ended because the run is to stop."""


class Stop:
    """A flag that is set once, with a reason; later reasons are ignored.

    Waits inside `breaks()` end at once. Requests that have been sent are not inside one: they get
    the drain's time to be answered.
    """

    def __init__(self) -> None:
        self.reason: BatchcancelError | None = None
        self.heard: Callable[[], None] = lambda: None
        """Called by a signal itself: what waits for a lost database may hold up the event loop."""
        self._asked = anyio.Event()
        self._waits: set[anyio.CancelScope] = set()

    def ask(self, reason: BatchcancelError) -> None:
        """Set the flag: nothing new is begun from here on."""
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
        """Let signals that have come be heard, and raise the reason if the run is to stop.

        For a moment before code that blocks the event loop, such as a prompt.
        """
        # A signal passes through several tasks to `ask`; anyio has no way to wait for just that.
        await anyio.sleep(_SIGNAL_DELIVERY_S)
        self.raise_if_asked()

    @contextmanager
    def raising_reason(self) -> Iterator[None]:
        """Turn `Stopped` into the reason for the stop, as callers outside a pool expect it."""
        try:
            yield
        except Stopped:
            self.raise_if_asked()
            raise

    async def asked(self) -> None:
        """Wait until the flag is set."""
        await self._asked.wait()

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """Give up the waits of the body on a stop; raises `Stopped` then, and if it came before."""
        if self.reason is not None:
            raise Stopped
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                yield
            finally:
                self._waits.discard(scope)
        # Asked of the scope and not of the flag: a body that ended in time keeps its result.
        if scope.cancelled_caught:
            raise Stopped

    async def sleep(self, seconds: float) -> None:
        with self.breaks():
            await anyio.sleep(seconds)


Task = Callable[[], Coroutine[Any, Any, None]]
"""A background task."""


@asynccontextmanager
async def background(*tasks: Task) -> AsyncIterator[None]:
    """Run `tasks` beside the body, and stop them at its end.

    What the body raises comes out as it is: a task group would wrap it in an exception group, and
    no `except` of a caller would match.
    """
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


def in_daemon_thread(work: Callable[[], Result]) -> "Future[Result]":
    """Begin `work` in a thread that nobody waits for; nobody learns of it once it is cancelled."""
    future: Future[Result] = Future()

    def fulfil() -> None:
        with suppress(InvalidStateError):
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                future.set_exception(error)
            else:
                future.set_result(result)

    Thread(target=fulfil, daemon=True).start()
    return future


class _DaemonThreads(ThreadPoolExecutor):
    """A thread for each call, which neither the event loop nor the interpreter waits for."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return in_daemon_thread(functools.partial(fn, *args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Wait for nobody."""


def wait_for_no_thread() -> None:
    """Let the running event loop end although a look-up of a name hangs in a thread of its."""
    asyncio.get_running_loop().set_default_executor(_DaemonThreads())

"""A job's event loop in a worker thread, out of reach of Airflow's signal handlers.

Airflow raises from signal handlers in the main thread, `execution_timeout` by SIGALRM. Inside an
event loop that would break off a request anywhere; here it only interrupts a thread that waits.
"""

import time
from collections.abc import Awaitable, Callable
from concurrent.futures import wait
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from anyio.from_thread import start_blocking_portal

from batchcancel.errors import BatchcancelError, BatchHeld, StoppedEarly, WindowFull, defect_in
from batchcancel.report.progress import Progress
from batchcancel.report.summary import Summary, headline, summary_text
from batchcancel.stop import Stop, background, wait_for_no_thread

if TYPE_CHECKING:
    from batchcancel.commands.run import Finished
    from batchcancel.settings.load import ApiSettings, Settings

Result = TypeVar("Result")

GRACE = 4.0
"""Seconds for the drain and for closing the ledger: Airflow kills a task 5 s after SIGTERM."""

LEASE = 45.0
"""Seconds in which the lease of a run that is dead has ended for certain."""

_PAUSE = 5.0


class JobThread:
    """Runs one job while the main thread waits, which can stop it."""

    def __init__(self) -> None:
        self._reason: BatchcancelError | None = None
        self._tell: Callable[[BatchcancelError], object] | None = None
        self._is_over = False

    def stop(self, reason: BatchcancelError) -> None:
        """Set the job's stop flag, at once or when it begins; never blocks, for signal handlers.

        After the end of a job it does nothing: it must not stop the next one.
        """
        if self._is_over:
            return
        self._reason = self._reason or reason
        if self._tell is not None:
            self._tell(reason)

    def run(self, job: Callable[[Stop], Awaitable[Result]]) -> Result:
        """The job's result; an exception raised in the main thread comes out after the drain."""
        self._is_over = False
        with start_blocking_portal() as portal:
            stop = portal.call(Stop)
            portal.call(wait_for_no_thread)
            self._tell = lambda reason: portal.start_task_soon(stop.ask, reason)
            if self._reason is not None:
                self._tell(self._reason)
            future = portal.start_task_soon(job, stop)
            try:
                return future.result()
            except BaseException as error:
                if not future.done():
                    self.stop(StoppedEarly(f"the task was struck by {type(error).__name__}"))
                    wait([future], timeout=GRACE)
                raise
            finally:
                self._tell, self._reason, self._is_over = None, None, True


def progress_of(settings: "ApiSettings") -> Progress:
    """The account that is kept of a job while it goes on."""
    return Progress(now=time.monotonic, attempts=settings.max_attempts, where=settings.origin)


def run_batch(
    settings: "Settings",
    *,
    thread: JobThread,
    log: Any,
    words: Callable[[str], str],
    keep: Callable[[Summary], None],
    in_slices: bool = False,
    after: str | None = None,
) -> "Finished":
    """Run the batch to its end, and log its plan, progress and summary.

    `keep` is given the summary, also when the main thread is struck and the job drains. `in_slices`
    it is run until the window is full; it goes on `after` the slice of that name.
    """
    from batchcancel.airflow.task_log import TaskLog
    from batchcancel.commands.run import run  # here, because a stop is not heard while it loads
    from batchcancel.commands.slices import run_slice

    task_log, ended = TaskLog(log, progress_of(settings), words=words), list["Finished"]()

    async def job(stop: Stop) -> None:
        async with background(task_log.tell_progress):
            how = partial(run_slice, after=after) if in_slices else run
            go = partial(how, settings, stop=stop, observe=task_log, confirm=lambda _planned: None)
            ended.append(await when_free(go, stop=stop, say=task_log.say))

    try:
        thread.run(job)
    finally:
        for finished in ended:
            summary = finished.summary
            is_paused = isinstance(finished.reason, WindowFull)
            task_log.say(headline(summary.counts) if is_paused else summary_text(summary))
            keep(summary)
    [finished] = ended
    if finished.reason is not None and (cause := defect_in(finished.reason)) is not None:
        log.error("where it happened", exc_info=cause)
    return finished


async def when_free(
    run: Callable[[], Awaitable[Result]], *, stop: Stop, say: Callable[[str], None]
) -> Result:
    """Run, and where another run has the batch wait for it, no longer than its lease could last.

    The other may be the task's own try before, killed just now. A run that lives on is no business
    of this try any more: `BatchHeld`.
    """
    until = anyio.current_time() + LEASE
    while True:
        try:
            return await run()
        except BatchHeld as error:
            left = until - anyio.current_time()
            if left <= 0:
                raise
            say(f"{error.message}; waiting for it, {left:.0f} s at most")
            with stop.raising_reason():
                await stop.sleep(min(_PAUSE, left))

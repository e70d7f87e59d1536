"""A job's event loop in a worker thread, out of reach of Airflow's signal handlers.

Airflow raises from signal handlers in the main thread, `execution_timeout` by SIGALRM. Inside an
event loop that would break off a request anywhere; here it only interrupts a thread that waits.
"""

import time
from collections.abc import Awaitable, Callable
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, TypeVar

from anyio.from_thread import start_blocking_portal

from batchcancel.errors import BatchcancelError, StoppedEarly, defect_in
from batchcancel.report.progress import Progress
from batchcancel.report.summary import summary_text
from batchcancel.stop import Stop, background, wait_for_no_thread

if TYPE_CHECKING:
    from batchcancel.commands.run import Finished
    from batchcancel.settings.load import ApiSettings, Settings

Result = TypeVar("Result")

GRACE = 4.0
"""Seconds for the drain and for closing the ledger: Airflow kills a task 5 s after SIGTERM."""


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
    settings: "Settings", *, thread: JobThread, log: Any, words: Callable[[str], str]
) -> "Finished":
    """Run the batch to its end, and log its plan, progress and summary."""
    from batchcancel.airflow.task_log import TaskLog
    from batchcancel.commands.run import run  # here, because a stop is not heard while it loads

    task_log = TaskLog(log, progress_of(settings), words=words)

    async def job(stop: Stop) -> "Finished":
        async with background(task_log.tell_progress):
            return await run(settings, stop=stop, observe=task_log, confirm=lambda _planned: None)

    finished = thread.run(job)
    task_log.say(summary_text(finished.summary))
    if finished.reason is not None and (cause := defect_in(finished.reason)) is not None:
        log.error("where it happened", exc_info=cause)
    return finished

"""A run under a task: in a thread of its own, with the task's log for its observer."""

import functools
from typing import Any

from batchcancel import wiring
from batchcancel.airflow.task_log import TaskLog
from batchcancel.airflow.thread import JobThread
from batchcancel.background import background
from batchcancel.commands.run import Finished, run
from batchcancel.errors import defect_in
from batchcancel.settings import Settings
from batchcancel.stop import Stop
from batchcancel.wording import summary_text


def run_batch(settings: Settings, *, thread: JobThread, log: Any) -> Finished:
    """Run the batch to its end; the log has its plan, its progress and its summary."""
    task_log = TaskLog(log)
    finished = thread.run(functools.partial(_run, settings, task_log))
    if finished.reason is not None and (cause := defect_in(finished.reason)) is not None:
        log.error("where it happened", exc_info=cause)
    return finished


async def _run(settings: Settings, task_log: TaskLog, stop: Stop) -> Finished:
    async with background(task_log.tell_progress):
        finished = await run(
            settings,
            run_id=wiring.new_run_id(wiring.utc_now()),
            stop=stop,
            observe=task_log,
            confirm=lambda _planned: None,
        )
    task_log.say(summary_text(finished.summary))
    return finished

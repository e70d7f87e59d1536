"""What planning and cancelling tasks have in common: a manifest, a ledger, a batch, options."""

import inspect
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from batchcancel.airflow import task_options
from batchcancel.airflow.batch_name import batch_name
from batchcancel.airflow.hook import HuskyVoiceHook
from batchcancel.airflow.ledger_connection import ledger_address
from batchcancel.airflow.thread import JobThread
from batchcancel.errors import Interrupted
from batchcancel.settings import Settings, did_you_mean

_SIGTERM = 15


class BatchOperator(BaseOperator):
    """A task over one batch. The options are those of the command line, by the same names.

    `manifest`, `ledger`, `batch` and the options are templated; None and an empty text leave an
    option to the Connection's extras, the environment and `job_file`. The batch is named by the
    Dag, its run and the map index, so that every try of the task works on the same one; a second
    manifest in one Dag run needs a `batch` of its own, and so does each instance of a task that is
    mapped over what can grow: an index would come to mean another manifest.
    """

    template_fields = ("manifest", "ledger", "batch", *task_options.FIELDS)

    def __init__(
        self,
        *,
        manifest: str,
        ledger: str | None = None,
        ledger_conn_id: str | None = None,
        batch: str | None = None,
        huskyvoice_conn_id: str = HuskyVoiceHook.default_conn_name,
        job_file: str | Path | None = None,
        rate: str | None = None,
        concurrency: int | str | None = None,
        notice_hours: float | str | None = None,
        timezone: str | None = None,
        notes: str | None = None,
        limit: int | str | None = None,
        max_cancel: int | str | None = None,
        halt_after: int | str | None = None,
        max_attempts: int | str | None = None,
        timeout: float | str | None = None,
        max_retry_after: float | str | None = None,
        max_duration: float | str | None = None,
        allow_rejected_rows: bool | str | None = None,
        accept_changed_manifest: bool | str | None = None,
        retry_refused: bool | str | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse_misspelt(kwargs)
        super().__init__(**kwargs)
        self.manifest = manifest
        self.ledger = ledger
        self.ledger_conn_id = ledger_conn_id
        self.batch = batch
        self.huskyvoice_conn_id = huskyvoice_conn_id
        self.job_file = job_file
        self.rate = rate
        self.concurrency = concurrency
        self.notice_hours = notice_hours
        self.timezone = timezone
        self.notes = notes
        self.limit = limit
        self.max_cancel = max_cancel
        self.halt_after = halt_after
        self.max_attempts = max_attempts
        self.timeout = timeout
        self.max_retry_after = max_retry_after
        self.max_duration = max_duration
        self.allow_rejected_rows = allow_rejected_rows
        self.accept_changed_manifest = accept_changed_manifest
        self.retry_refused = retry_refused
        self._thread = JobThread()

    def on_kill(self) -> None:
        """Ask the job to stop; `execute` ends within four seconds."""
        self._thread.stop(Interrupted(_SIGTERM))

    def settings(self, context: Context) -> Settings:
        """What the task was asked to do; raises `InputError` that names all mistakes."""
        options = {field: getattr(self, field) for field in task_options.FIELDS}
        options["ledger"] = ledger_address(self.ledger, self.ledger_conn_id)
        options["batch"] = self.batch or name_of(context)
        hook = HuskyVoiceHook(self.huskyvoice_conn_id)
        return hook.settings(self.manifest, options=options, job_file=self.job_file)


def name_of(context: Context) -> str:
    """The batch a task works on unless it is told another."""
    task = context["ti"]
    index = -1 if task.map_index is None else task.map_index
    return batch_name(dag_id=task.dag_id, run_id=task.run_id, map_index=index)


def _refuse_misspelt(arguments: dict[str, Any]) -> None:
    """Airflow refuses unknown arguments too, but does not say what was meant."""
    known = inspect.signature(BaseOperator.__init__).parameters
    for name in arguments.keys() - known.keys():
        if meant := did_you_mean(name):
            raise TypeError(f"{name} is no argument{meant}")

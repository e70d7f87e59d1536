"""Airflow's operators over a manifest: plan and cancel a batch."""

from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import Context

from batchcancel.airflow.batch_name import name_of
from batchcancel.airflow.deferring import defer, is_deferred
from batchcancel.airflow.endings import failure, raise_unless_done
from batchcancel.airflow.hook import FIELDS, HuskyVoiceHook, ledger_address
from batchcancel.airflow.outlets import tell_outlets
from batchcancel.airflow.signature import Templated, take_options, with_options
from batchcancel.airflow.thread import JobThread, progress_of, run_batch
from batchcancel.errors import BatchcancelError, InputError, Interrupted, WindowFull
from batchcancel.report.summary import Summary
from batchcancel.settings.load import Settings

_SIGTERM = 15  # what Airflow sends before it calls `on_kill`


class BatchOperator(Templated):
    """A task over one batch; its options are those of the command line, by the same names.

    All of them are templated, and the ids of the Connections too; None and an empty text leave an
    option to the Connection's extras, the environment and `job_file`. The batch is named by the
    Dag, its run and the map index, so that every try of the task works on the same one; a second
    manifest in one Dag run needs a `batch` of its own, and so does each instance of a task that is
    mapped over what can grow: an index would come to mean another manifest. `approved` alone may
    not be empty where it is given: then nothing was approved.
    """

    template_fields = (
        *("manifest", "ledger", "ledger_conn_id", "batch", "huskyvoice_conn_id"),
        *FIELDS,
    )

    @with_options(FIELDS)
    def __init__(
        self,
        *,
        manifest: str,
        ledger: str | None = None,
        ledger_conn_id: str | None = None,
        batch: str | None = None,
        huskyvoice_conn_id: str = HuskyVoiceHook.default_conn_name,
        job_file: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        options = take_options(kwargs, FIELDS)
        super().__init__(**kwargs)
        self.manifest = manifest
        self.ledger = ledger
        self.ledger_conn_id = ledger_conn_id
        self.batch = batch
        self.huskyvoice_conn_id = huskyvoice_conn_id
        self.job_file = job_file
        self._is_to_be_approved = options["approved"] is not None
        for field in FIELDS:  # Airflow fills in those templates that are attributes
            setattr(self, field, options[field])
        self._thread = JobThread()

    def on_kill(self) -> None:
        """Stop the job; `execute` ends within four seconds."""
        self._thread.stop(Interrupted(_SIGTERM))

    def settings(self, context: Context) -> Settings:
        """The settings of the job; raises `InputError` that names all mistakes."""
        if self._is_to_be_approved and not getattr(self, "approved", None):
            raise InputError(
                "approved is empty: nobody's approval was handed on",
                hint="It takes what the plan's task returned as approval. Nothing was sent.",
            )
        options = {field: getattr(self, field) for field in FIELDS}
        options["ledger"] = ledger_address(self.ledger, self.ledger_conn_id)
        options["batch"] = self.batch or name_of(context)
        hook = HuskyVoiceHook(self.huskyvoice_conn_id)
        return hook.settings(self.manifest, options=options, job_file=self.job_file)

    def words(self, text: str) -> str:
        """A sentence of the core in the words of this task."""
        return HuskyVoiceHook(self.huskyvoice_conn_id).words(text)


class BatchPlanOperator(BatchOperator):
    """Plan a batch and send no write. XCom gets the counts, `approval`, and the plan for people.

    `text` is for logs and mails, `markdown` for the question whether to approve of it.
    It ends like a run would that is refused: above `max_cancel` it fails without another try.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        from batchcancel.airflow.task_log import TaskLog
        from batchcancel.commands import plan
        from batchcancel.report.plan import plan_json, plan_markdown, plan_text

        try:
            settings = self.settings(context)
            observe = TaskLog(self.log, progress_of(settings), words=self.words)
            planned = self._thread.run(lambda stop: plan.plan(settings, stop=stop, observe=observe))
            plan.refuse(planned, settings)
            plan.refuse_place(settings)
        except BatchcancelError as error:
            raise failure(error, self.words) from None
        facts = plan_json(planned, ledger=settings.redacted_ledger)
        told = {"text": plan_text(planned), "markdown": plan_markdown(planned)}
        return facts | {name: self.words(text) for name, text in told.items()}


class BatchCancelOperator(BatchOperator):
    """Cancel the appointments of a manifest. XCom gets the summary, counts and no personal data.

    What every try leaves undone the next takes up, as long as both see the same ledger: on
    workers whose disks do not survive, name one with `ledger_conn_id`. With `allow_failures` a
    finished batch succeeds although some of its rows are not cancelled; with `skip_nothing` a
    batch without a row to cancel is skipped. With `deferrable`, and a ledger in PostgreSQL, it
    gives its slot back while the rate limit's window is full; None leaves that to Airflow's
    `default_deferrable`.
    """

    def __init__(
        self,
        *,
        allow_failures: bool = False,
        skip_nothing: bool = False,
        deferrable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.allow_failures = allow_failures
        self.skip_nothing = skip_nothing
        self.deferrable = deferrable

    def execute(self, context: Context) -> dict[str, Any]:
        return self._cancel(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on after a pause, in the same try; `event` is what the trigger was given for it."""
        return self._cancel(context, event)

    def _cancel(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        def keep(summary: Summary) -> None:
            context["ti"].xcom_push(key="summary", value=summary.as_json())

        try:
            settings = self.settings(context)
            finished = run_batch(
                settings,
                thread=self._thread,
                log=self.log,
                words=self.words,
                keep=keep,
                in_slices=bool(event) or is_deferred(self.deferrable, settings, log=self.log),
                after=event["after"] if event else None,
            )
            if finished.reason is not None:
                raise finished.reason
        except WindowFull as full:
            defer(self, full, event)
        except BatchcancelError as error:
            raise failure(error, self.words) from None
        raise_unless_done(
            finished.summary, allow_failures=self.allow_failures, skip_nothing=self.skip_nothing
        )
        tell_outlets(self, context, finished.summary.as_json())
        return finished.summary.as_json()

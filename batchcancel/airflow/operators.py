"""Airflow's operators over a manifest: plan and cancel a batch."""

from typing import Any

from airflow.providers.common.compat.sdk import Context

from batchcancel.airflow.batch_name import name_of
from batchcancel.airflow.deferring import defer, is_deferred
from batchcancel.airflow.endings import failure, raise_unless_done
from batchcancel.airflow.hook import FIELDS, HuskyVoiceHook, ledger_address
from batchcancel.airflow.outlets import tell_outlets
from batchcancel.airflow.signature import OptionsOperator, with_options
from batchcancel.airflow.thread import run_batch
from batchcancel.errors import BatchcancelError, InputError, WindowFull
from batchcancel.report.summary import Summary
from batchcancel.settings.load import Settings


class BatchOperator(OptionsOperator):
    """A task over one batch of a manifest.

    The batch is named by the Dag, its run and the map index, so that every try of the task works
    on the same one; a second manifest in one Dag run needs a `batch` of its own, and so does each
    instance of a task that is mapped over what can grow: an index would come to mean another
    manifest. `approved` alone may not be empty where it is given: then nothing was approved.
    """

    fields = FIELDS
    template_fields = (
        *("manifest", "ledger", "ledger_conn_id", "batch", "huskyvoice_conn_id"),
        *FIELDS,
    )

    @with_options(FIELDS)
    def __init__(self, *, manifest: str, batch: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.manifest = manifest
        self.batch = batch
        self._is_to_be_approved = self.options()["approved"] is not None

    def settings(self, context: Context) -> Settings:
        """The settings of the job; raises `InputError` that names all mistakes."""
        options = self.options()
        if self._is_to_be_approved and not options["approved"]:
            raise InputError(
                "approved is empty: nobody's approval was handed on",
                hint="It takes what the plan's task returned as approval. Nothing was sent.",
            )
        options["ledger"] = ledger_address(self.ledger, self.ledger_conn_id)
        options["batch"] = self.batch or name_of(context)
        hook = HuskyVoiceHook(self.huskyvoice_conn_id)
        return hook.settings(self.manifest, options=options, job_file=self.job_file)


class BatchPlanOperator(BatchOperator):
    """Plan a batch and send no write. XCom gets the counts, `approval`, and the plan for people.

    `text` is for logs and mails, `markdown` for the question whether to approve of it.
    It ends like a run would that is refused: above `max_cancel` it fails without another try.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        from batchcancel.commands import plan
        from batchcancel.report.plan import plan_json, plan_markdown, plan_text

        try:
            settings = self.settings(context)
            planned = self.ask(plan.plan, settings)
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

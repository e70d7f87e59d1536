"""Airflow's operators: plan, cancel and export a batch."""

import inspect
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from batchcancel.airflow.batch_name import batch_name
from batchcancel.airflow.endings import failure, raise_unless_done
from batchcancel.airflow.hook import FIELDS, HuskyVoiceHook, ledger_address, meant
from batchcancel.airflow.thread import JobThread, progress_of, run_batch
from batchcancel.errors import BatchcancelError, InputError, Interrupted
from batchcancel.report.summary import Summary
from batchcancel.settings.load import Settings

_SIGTERM = 15  # what Airflow sends before it calls `on_kill`


def _with_options(init: Callable[..., None]) -> Callable[..., None]:
    """Name the options in the signature: by it Airflow fills in `default_args`."""
    signature = inspect.signature(init)
    *named, others = signature.parameters.values()
    options = [inspect.Parameter(field, others.KEYWORD_ONLY, default=None) for field in FIELDS]
    init.__signature__ = signature.replace(  # type: ignore[attr-defined]  # functions take it
        parameters=[*named, *options, others]
    )
    return init


class BatchOperator(BaseOperator):
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

    @_with_options
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
        options = {field: kwargs.pop(field, None) for field in FIELDS}
        _refuse_misspelt(kwargs)
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

    def render_template(
        self, content: Any, context: Context, jinja_env: Any = None, seen_oids: Any = None
    ) -> Any:
        """As Airflow does, but what is null is nothing, and not the text None."""
        env = (jinja_env or self.get_template_env()).overlay(finalize=_nothing_for_null)
        return super().render_template(content, context, env, seen_oids)

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


def _nothing_for_null(value: Any) -> Any:
    return "" if value is None else value


def name_of(context: Context) -> str:
    """The default name of the batch that a task works on."""
    task = context["ti"]
    index = -1 if task.map_index is None else task.map_index
    return batch_name(dag_id=task.dag_id, run_id=task.run_id, map_index=index)


def _refuse_misspelt(arguments: dict[str, Any]) -> None:
    """Suggest an argument for a misspelt one, which Airflow refuses without a suggestion."""
    known = inspect.signature(BaseOperator.__init__).parameters
    for name in arguments.keys() - known.keys():
        if suggestion := meant(name):
            raise TypeError(f"{name} is no argument{suggestion}")


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
    batch without a row to cancel is skipped.
    """

    def __init__(
        self, *, allow_failures: bool = False, skip_nothing: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.allow_failures = allow_failures
        self.skip_nothing = skip_nothing

    def execute(self, context: Context) -> dict[str, Any]:
        def keep(summary: Summary) -> None:
            context["ti"].xcom_push(key="summary", value=summary.as_json())

        try:
            settings = self.settings(context)
            finished = run_batch(
                settings, thread=self._thread, log=self.log, words=self.words, keep=keep
            )
        except BatchcancelError as error:
            raise failure(error, self.words) from None
        if finished.reason is not None:
            raise failure(finished.reason, self.words) from None
        raise_unless_done(
            finished.summary, allow_failures=self.allow_failures, skip_nothing=self.skip_nothing
        )
        return finished.summary.as_json()


class BatchExportOperator(BaseOperator):
    """Write the account of a batch to a file: ids, times and codes. XCom gets its path and rows.

    `path` ends with .csv, .parquet or .json, and takes the place of a file of that name:
    another try writes the same. `outcomes` picks rows; none picks all.
    """

    template_fields = ("ledger", "ledger_conn_id", "batch", "path")

    def __init__(
        self,
        *,
        path: str,
        ledger: str | None = None,
        ledger_conn_id: str | None = None,
        batch: str | None = None,
        outcomes: Collection[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.ledger = ledger
        self.ledger_conn_id = ledger_conn_id
        self.batch = batch
        self.outcomes = outcomes

    def execute(self, context: Context) -> dict[str, Any]:
        from batchcancel.ledger.open import read_ledger
        from batchcancel.report.atomic import refuse_manifest
        from batchcancel.report.results import write_results

        try:
            address = ledger_address(self.ledger, self.ledger_conn_id)
            if not address:
                raise InputError("no ledger is named", hint="Give ledger or ledger_conn_id.")
            with closing(read_ledger(address)) as account:
                refuse_manifest(Path(self.path), account, ledger=address)
                rows = account.rows(self.batch or name_of(context))
                count = write_results(rows, Path(self.path), outcomes=self.outcomes)
        except BatchcancelError as error:
            raise failure(error) from None
        return {"path": self.path, "rows": count}

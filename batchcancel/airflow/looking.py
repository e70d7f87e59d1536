"""Airflow's operators that ask the API and send no write: find, and verify."""

from collections.abc import Sequence
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException, Context

from batchcancel.airflow.batch_name import name_of
from batchcancel.airflow.endings import failure, incomplete
from batchcancel.airflow.hook import API_FIELDS, HuskyVoiceHook, ledger_address, named_ledger
from batchcancel.airflow.outlets import tell_outlets
from batchcancel.airflow.outputs import OutputLink, place_for, url_of
from batchcancel.airflow.signature import OptionsOperator, with_options
from batchcancel.errors import BatchcancelError, ExitCode, InputError

if TYPE_CHECKING:
    from batchcancel.settings.load import ApiSettings

_FILTERS = ("branch", "session", "service", "batch_label", "doctor")


class LookOperator(OptionsOperator):
    """A task that asks and sends no write; with `allow_failures` it succeeds although somebody must
    look.
    """

    fields = API_FIELDS
    template_fields: Sequence[str] = (
        *("huskyvoice_conn_id", "ledger", "ledger_conn_id"),
        *API_FIELDS,
    )
    operator_extra_links = (OutputLink(),)

    @with_options(API_FIELDS)
    def __init__(self, *, allow_failures: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_failures = allow_failures

    def settings(self, command: str) -> "ApiSettings":
        hook = HuskyVoiceHook(self.huskyvoice_conn_id)
        return hook.api_settings(command, options=self.options(), job_file=self.job_file)

    def end(
        self, context: Context, told: dict[str, Any], *, why: str, again: bool
    ) -> dict[str, Any]:
        """What XCom gets; raises where somebody must look."""
        self.output_url = url_of(told.get("manifest") or "", ledger_conn_id=self.ledger_conn_id)
        if told["exit_code"] == ExitCode.INCOMPLETE and not self.allow_failures:
            raise incomplete(why, again=again)
        tell_outlets(self, context, told)
        return told


class BatchFindOperator(LookOperator):
    """Write the appointments of some days to a manifest. XCom gets the counts, and `text`.

    The manifest is `path`; else, in `folder`, a file that is called by the Dag, its run and the
    task; else the same in the folder that the ledger's Connection names in its extra `outputs`, or
    where the ledger lies, if it is a file.
    With `not_in_ledger` what is in a batch of the ledger is left out: it is a sweep after a run,
    and what it finds is for somebody to look at. Where nothing is booked there is no manifest, and
    with `skip_nothing` the task is skipped. `branch` and the like are a text, or several.
    """

    template_fields = (
        *LookOperator.template_fields,
        *("date", "to", "path", "folder", *_FILTERS),
    )

    def __init__(
        self,
        *,
        date: str,
        to: str | None = None,
        path: str | None = None,
        folder: str | None = None,
        branch: str | Sequence[str] = (),
        session: str | Sequence[str] = (),
        service: str | Sequence[str] = (),
        batch_label: str | Sequence[str] = (),
        doctor: str | Sequence[str] = (),
        not_in_ledger: bool = False,
        skip_nothing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.date = date
        self.to = to
        self.path = path
        self.folder = folder
        self.branch = branch
        self.session = session
        self.service = service
        self.batch_label = batch_label
        self.doctor = doctor
        self.not_in_ledger = not_in_ledger
        self.skip_nothing = skip_nothing

    def execute(self, context: Context) -> dict[str, Any]:
        from batchcancel.commands.find import find
        from batchcancel.report.find import find_json, find_text

        try:
            finding = self.ask(find, self.settings("find"), wanted=self._wanted(context))
        except BatchcancelError as error:
            raise failure(error, self.words) from None
        told = find_json(finding) | {"text": self.words(find_text(finding))}
        del told["edge"]  # as long as the day may be; the text names the first
        self.log.info("%s", told["text"])
        is_doubtful = not told["complete"]
        why = (
            "perhaps not all were found" if is_doubtful else "somebody must look at what was found"
        )
        told = self.end(context, told, why=f"{why}: see the log", again=is_doubtful)
        if self.skip_nothing and not told["manifest"]:
            raise AirflowSkipException("nothing is to be cancelled")
        return told

    def _wanted(self, context: Context) -> Any:
        from batchcancel.commands.find import Wanted
        from batchcancel.report.atomic import output_of

        first = _day(self.date)
        address = named_ledger if self.not_in_ledger else ledger_address
        ledger = address(self.ledger, self.ledger_conn_id)
        place = place_for(self, context, ending=".csv", ledger=ledger)
        filters = {one.replace("_", "-"): _words(getattr(self, one)) for one in _FILTERS}
        return Wanted(
            first=first, last=_day(self.to) if self.to else first, filters=filters,
            output=output_of(place), force=True, not_in=ledger if self.not_in_ledger else None,
        )  # fmt: skip


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no day", hint="Write it like 2026-06-15. Nothing was sent."
        ) from None


def _words(given: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(filter(None, (given,) if isinstance(given, str) else given))


class BatchVerifyOperator(LookOperator):
    """Read back what a batch cancelled. XCom gets the counts, and `text`.

    What is alive again is drift, and for somebody to look at: `path` takes a manifest of it.
    """

    template_fields = (*LookOperator.template_fields, "batch", "path")

    def __init__(self, *, batch: str | None = None, path: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch
        self.path = path

    def execute(self, context: Context) -> dict[str, Any]:
        from batchcancel.commands.verify import verify
        from batchcancel.ledger.open import read_ledger
        from batchcancel.report.atomic import output_of
        from batchcancel.report.status import the_batch
        from batchcancel.report.verify import verified_text, write_drift

        try:
            address = named_ledger(self.ledger, self.ledger_conn_id)
            with closing(read_ledger(address)) as account:
                batch = the_batch(account, self.batch or name_of(context), ledger=address)
            verified = self.ask(verify, self.settings("verify"), ledger=address, batch=batch)
            if self.path:
                write_drift(verified, output_of(self.path))
        except BatchcancelError as error:
            raise failure(error, self.words) from None
        written = self.path if self.path and verified.drift else None
        told = verified.as_json() | {"text": verified_text(verified), "manifest": written}
        self.log.info("%s", told["text"])
        why = f"{told['drift']} are not cancelled any more, {told['unread']} could not be read"
        return self.end(context, told, why=why, again=not told["drift"])

"""Airflow's operators that only read the ledger: a batch's rows as a file, and as a page."""

from abc import abstractmethod
from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException, Context

from batchcancel.addresses import redacted_ledger
from batchcancel.airflow.batch_name import name_of
from batchcancel.airflow.endings import failure
from batchcancel.airflow.hook import named_ledger
from batchcancel.airflow.outlets import tell_outlets
from batchcancel.airflow.outputs import OutputLink, place_for, url_of
from batchcancel.airflow.signature import Templated
from batchcancel.errors import BatchcancelError

if TYPE_CHECKING:
    from batchcancel.report.atomic import Output


class AccountOperator(Templated):
    """Write what the ledger knows of a batch to one place, whole or not at all.

    It is `path`; else, in `folder`, a file that is called by the Dag, its run and the task; else
    the same in the folder that the ledger's Connection names in its extra `outputs`, or where the
    ledger lies, if it is a file. Another try writes the same file. With `skip_nothing` a batch that
    nobody has begun is a skip.
    """

    template_fields = ("ledger", "ledger_conn_id", "batch", "path", "folder")
    operator_extra_links = (OutputLink(),)
    ending: ClassVar[str]

    def __init__(
        self,
        *,
        path: str | None = None,
        folder: str | None = None,
        ledger: str | None = None,
        ledger_conn_id: str | None = None,
        batch: str | None = None,
        skip_nothing: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.folder = folder
        self.ledger = ledger
        self.ledger_conn_id = ledger_conn_id
        self.batch = batch
        self.skip_nothing = skip_nothing

    def execute(self, context: Context) -> dict[str, Any]:
        from batchcancel.ledger.open import is_there, read_ledger
        from batchcancel.report.atomic import output_of, refuse_manifest
        from batchcancel.report.status import the_batch

        batch = self.batch or name_of(context)
        try:
            address = named_ledger(self.ledger, self.ledger_conn_id)
            place = place_for(self, context, ending=self.ending, ledger=address)
            if self.skip_nothing and not is_there(address):
                raise AirflowSkipException("there is no ledger yet")
            with closing(read_ledger(address)) as account:
                if self.skip_nothing and batch not in {one.name for one in account.batches()}:
                    raise AirflowSkipException(f"the ledger has no batch {batch}")
                batch = the_batch(account, batch, ledger=address)
                output = output_of(place)
                refuse_manifest(output, account, ledger=address)
                told = self.write(account, batch, output, ledger=redacted_ledger(address))
        except BatchcancelError as error:
            raise failure(error) from None
        self.output_url = url_of(place, ledger_conn_id=self.ledger_conn_id)
        told = {"path": place, "url": self.output_url, **told}
        tell_outlets(self, context, told)
        return told

    @abstractmethod
    def write(self, account: Any, batch: str, place: "Output", *, ledger: str) -> dict[str, Any]:
        """Write it, and tell what XCom gets besides; `ledger` is its address as it may be shown."""


class BatchExportOperator(AccountOperator):
    """Write the account of a batch to a file: ids, times and codes. XCom gets its path and rows.

    It ends with .csv, .xlsx, .parquet or .json. `outcomes` picks rows; none picks all.
    """

    ending = ".csv"

    def __init__(self, *, outcomes: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outcomes = outcomes

    def write(self, account: Any, batch: str, place: "Output", *, ledger: str) -> dict[str, Any]:  # noqa: ARG002
        from batchcancel.report.results import write_results

        return {"rows": write_results(account.rows(batch), place, outcomes=self.outcomes)}


class BatchReportOperator(AccountOperator):
    """Write what became of a batch, and how, to one page for people who were not there."""

    ending = ".html"

    def write(self, account: Any, batch: str, place: "Output", *, ledger: str) -> dict[str, Any]:
        from batchcancel.report.atomic import replacing
        from batchcancel.report.page import page_html

        page = page_html(account, batch, ledger=ledger, at=datetime.now(UTC))
        with replacing(place) as file:
            file.write(page.encode(errors="backslashreplace"))
        return {}

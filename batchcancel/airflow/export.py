"""The task that writes what became of each row."""

from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, Context

from batchcancel.airflow.batch_operator import name_of
from batchcancel.airflow.endings import failure
from batchcancel.airflow.ledger_connection import ledger_address
from batchcancel.errors import BatchcancelError, InputError


class BatchExportOperator(BaseOperator):
    """Write the account of a batch to a file: ids, times and codes. XCom gets its path and rows.

    `path` ends with .csv, .parquet or .json, and takes the place of a file of that name:
    another try writes the same. `outcomes` picks rows; none picks all.
    """

    template_fields = ("ledger", "batch", "path")

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
        from batchcancel.opening import read_ledger
        from batchcancel.reports.results import write_results

        try:
            address = ledger_address(self.ledger, self.ledger_conn_id)
            if not address:
                raise InputError("no ledger is named", hint="Give ledger or ledger_conn_id.")
            with closing(read_ledger(address)) as account:
                rows = account.rows(self.batch or name_of(context))
                count = write_results(rows, Path(self.path), outcomes=self.outcomes)
        except BatchcancelError as error:
            raise failure(error) from None
        return {"path": self.path, "rows": count}

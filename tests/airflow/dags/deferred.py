"""A task that waits elsewhere; windows of a few seconds are worth it here."""

from datetime import timedelta
from unittest.mock import patch

from airflow.sdk import Param, dag

from batchcancel.airflow import BatchCancelOperator, deferring
from tests.airflow.dags.one_batch import tell_process


class Impatient(BatchCancelOperator):
    """For it a wait of two seconds is long, where others think of a minute."""

    def _cancel(self, *told):
        from batchcancel.commands import run

        with patch.object(deferring, "SHORTEST_S", 2.0), patch.object(run, "WORTH_S", 2.0):
            return super()._cancel(*told)


@dag(
    schedule=None,
    params={
        "manifest": Param(type="string"),
        "ledger": Param(type="string"),
        "conn_id": Param("huskyvoice_default", type="string"),
        "rate": Param("12/12s", type="string"),
    },
)
def deferred():
    Impatient(
        task_id="cancel",
        manifest="{{ params.manifest }}",
        ledger="{{ params.ledger }}",
        huskyvoice_conn_id="{{ params.conn_id }}",
        rate="{{ params.rate }}",
        deferrable=True,
        retries=200,
        retry_delay=timedelta(seconds=1),
        on_execute_callback=tell_process,
    )


deferred()

"""A task that takes longer than it may."""

from datetime import timedelta

from airflow.sdk import Param, dag

from batchcancel.airflow import BatchCancelOperator


@dag(schedule=None, params={"manifest": Param(type="string")})
def struck():
    BatchCancelOperator(
        task_id="cancel",
        manifest="{{ params.manifest }}",
        rate="10/1h",
        ledger_conn_id="batchcancel_ledger",
        execution_timeout=timedelta(seconds=15),
    )


struck()

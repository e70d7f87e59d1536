"""One form for many clinics: it names the Connections."""

from datetime import timedelta

from airflow.sdk import Param, dag

from batchcancel.airflow import BatchCancelOperator


@dag(
    schedule=None,
    params={"clinic": Param(type="string"), "manifest": Param(type="string")},
    default_args={"retries": 3, "retry_delay": timedelta(hours=1)},
)
def any_clinic():
    BatchCancelOperator(
        task_id="cancel",
        manifest="{{ params.manifest }}",
        huskyvoice_conn_id="{{ params.clinic }}",
        ledger_conn_id="{{ params.clinic }}_ledger",
    )


any_clinic()

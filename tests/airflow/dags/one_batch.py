"""Dags for the tests: one batch in one task, and the same batch in two at once."""

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import Param, dag

from batchcancel.airflow import BatchCancelOperator


def tell_process(context):
    """Leave the number of the task's process beside the manifest."""
    Path(f"{context['params']['manifest']}.pid").write_text(str(os.getpid()))


ARGUMENTS = {
    "manifest": "{{ params.manifest }}",
    "rate": "{{ params.rate }}",
    "huskyvoice_conn_id": "{{ params.conn_id }}",
    "ledger": "{{ params.ledger or params.manifest ~ '.ledger.db' }}",
    "retries": 200,
    "retry_delay": timedelta(seconds=1),
}
PARAMS = {
    "manifest": Param(type="string"),
    "rate": Param("none", type="string"),
    "ledger": Param("", type="string"),
    "conn_id": Param("huskyvoice_default", type="string"),
}


@dag(schedule=None, params=PARAMS)
def one_batch():
    BatchCancelOperator(task_id="cancel", on_execute_callback=tell_process, **ARGUMENTS)


@dag(schedule=None, params=PARAMS)
def same_batch_twice():
    for name in ("first", "second"):
        BatchCancelOperator(task_id=name, **ARGUMENTS)


one_batch()
same_batch_twice()

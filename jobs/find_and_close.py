"""A closed day from its date alone: find, plan, approval, run, sweep, report.

The Connections are those of `clinic_closure`; the ledger's extra `outputs` says where the manifests
and the report go, so that every worker finds them. Where nothing is booked all the rest is skipped.

The sweep looks once more when all is done. What was booked meanwhile is for somebody to look at: it
fails, and whoever runs the Dag again for that day cancels them, approved like the others. The
report is made however the run ends, and decides nothing about that.

Whatever fails for good is told to a chat, by the webhook that is the password of the Connection
`batchcancel_chat`.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from airflow.sdk import Connection, Param, chain, dag

from batchcancel.airflow import (
    BatchCancelOperator,
    BatchFindOperator,
    BatchPlanOperator,
    BatchReportOperator,
    approval,
    approval_params,
)

LEDGER = "batchcancel_ledger"
JOB_FILE = Path(__file__).with_name("clinic_closure.toml")
DAY: dict[str, Any] = {
    "date": "{{ params.date }}",
    "to": "{{ params.to }}",
    "branch": "{{ params.branch }}",
    "session": "{{ params.session }}",
    "ledger_conn_id": LEDGER,
    "job_file": JOB_FILE,
}
FOUND: dict[str, Any] = {
    "manifest": "{{ ti.xcom_pull('find')['manifest'] }}",
    "notes": "{{ params.notes }}",
    "ledger_conn_id": LEDGER,
    "job_file": JOB_FILE,
}


def tell_chat(context: Any) -> None:
    """Say in a chat what failed, and how far it came; not in a try that another one follows."""
    task = context["ti"]
    done = task.xcom_pull(task_ids="cancel", key="summary") or {"cancelled": 0}
    text = f"{task.dag_id} {task.run_id}: {task.task_id} failed: {context.get('exception')}"
    body = json.dumps({"text": f"{text}. {done['cancelled']} are cancelled."}).encode()
    url = Connection.get("batchcancel_chat").password or ""
    urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10).close()  # noqa: S310


@dag(
    schedule=None,
    tags=["batchcancel"],
    doc_md=__doc__,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=2),
        "on_failure_callback": tell_chat,
    },
    params={
        "date": Param(type="string", format="date", title="The closed day"),
        "to": Param(None, type=["null", "string"], format="date", title="The last, of several"),
        "branch": Param("", type=["null", "string"], title="Only this branch"),
        "session": Param("", type=["null", "string"], title="Only this session"),
        "notes": Param("", type=["null", "string"], maxLength=2000, title="Notes, sent with each"),
        **approval_params(),
    },
)
def find_and_close() -> None:
    report = BatchReportOperator(task_id="report", ledger_conn_id=LEDGER, skip_nothing=True)
    chain(
        BatchFindOperator(task_id="find", skip_nothing=True, **DAY),
        BatchPlanOperator(task_id="plan", **FOUND),
        approval(
            "approve",
            subject="Cancel {{ ti.xcom_pull('plan')['eligible'] }} appointments?",
            body="{{ ti.xcom_pull('plan')['markdown'] }}",
            response_timeout=timedelta(hours=12),
        ),
        BatchCancelOperator(
            task_id="cancel",
            approved="{{ ti.xcom_pull('plan')['approval'] }}",
            allow_failures=True,
            **FOUND,
        ),
        BatchFindOperator(task_id="sweep", not_in_ledger=True, **DAY),
        report.as_teardown(),
    )


find_and_close()

"""One clinic, one closed day, started by hand: plan, approval, run, list of the others, report.

The Connection `huskyvoice_default` holds the key. `batchcancel_ledger` says where the ledger is:
of type postgres, because a worker's disk may not be there for the next try; or of type sqlite, with
a path as its host, where all tasks run on one machine. Its extra `outputs` says where the list and
the report go; else they lie beside that file, or where the form says. What is not on the form is in
`clinic_closure.toml`.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Param, chain, dag

from batchcancel.airflow import (
    BatchCancelOperator,
    BatchExportOperator,
    BatchPlanOperator,
    BatchReportOperator,
    approval,
    approval_params,
)

LEDGER = "batchcancel_ledger"
JOB = Path(__file__).with_suffix(".toml")
OPTIONS: dict[str, Any] = {
    "manifest": "{{ params.manifest }}",
    "notice_hours": "{{ params.notice_hours }}",
    "notes": "{{ params.notes }}",
    "max_cancel": "{{ params.max_cancel }}",
    "job_file": JOB,
    "ledger_conn_id": LEDGER,
}
WRITTEN: dict[str, Any] = {"folder": "{{ params.folder }}", "ledger_conn_id": LEDGER}
NOT_CANCELLED = (
    *("skipped", "refused", "not_found", "gave_up", "needs_review"),
    *("waiting", "open"),
)


@dag(
    schedule=None,
    tags=["batchcancel"],
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    params={
        "manifest": Param(
            type="string",
            minLength=1,
            title="Manifest",
            description="A CSV or Parquet file: its path on the worker, or s3://, gs://, az://",
        ),
        # What may be left empty may be null: the form refuses it otherwise.
        "notice_hours": Param(
            0,
            type=["null", "number"],
            minimum=0,
            title="Hours of notice",
            description="0 cancels whatever has not begun",
        ),
        "notes": Param(
            "",
            type=["null", "string"],
            maxLength=2000,
            title="Notes",
            description=f"Sent with each; left empty, those of {JOB.name}",
        ),
        "max_cancel": Param(
            "",
            type=["null", "string"],
            title="Most to cancel",
            description=f"Like 800, or 5%, and nothing beyond; left empty, that of {JOB.name}",
        ),
        "folder": Param(
            "",
            type=["null", "string"],
            title="Folder",
            description="For list and report; left empty, that of the ledger's Connection",
        ),
        **approval_params(),
    },
)
def clinic_closure() -> None:
    chain(
        BatchPlanOperator(task_id="plan", **OPTIONS),
        approval(
            "approve",
            subject="Cancel {{ ti.xcom_pull('plan')['eligible'] }} appointments?",
            body="{{ ti.xcom_pull('plan')['markdown'] }}",
            # What was planned is looked at on the same day, or planned anew.
            response_timeout=timedelta(hours=12),
        ),
        # Rows that are refused do not fail the task: the list has them.
        BatchCancelOperator(
            task_id="cancel",
            approved="{{ ti.xcom_pull('plan')['approval'] }}",
            allow_failures=True,
            **OPTIONS,
        ),
        [
            BatchExportOperator(task_id="export_not_cancelled", outcomes=NOT_CANCELLED, **WRITTEN),
            BatchReportOperator(task_id="report", **WRITTEN),
        ],
    )


clinic_closure()

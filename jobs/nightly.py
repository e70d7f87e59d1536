"""Every night at two: cancel what the booking office marked during the day.

One manifest a night, and one batch: whatever is started again for that night resumes it. Where
nobody marked anything there is no manifest, and the night is skipped. The options, with their
reasons, are in `nightly.toml`; the Connections are those of `clinic_closure`. The report is made
however the night ends, and the counts are beside the event of the asset `batchcancel_nights`.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, ObjectStoragePath, Param, chain, dag, task

from batchcancel.airflow import BatchCancelOperator, BatchReportOperator

NIGHT = "{{ (dag_run.logical_date or dag_run.run_after).astimezone(dag.timezone) | ds }}"
BATCH: dict[str, Any] = {"batch": f"nightly@{NIGHT}", "ledger_conn_id": "batchcancel_ledger"}
MANIFEST = f"{{{{ params.folder }}}}/marked-{NIGHT}.csv"


@task.short_circuit
def is_there(manifest: str) -> bool:
    return ObjectStoragePath(manifest).exists()


@dag(
    schedule="0 2 * * *",
    tags=["batchcancel"],
    start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Kolkata")),
    catchup=False,
    max_active_runs=1,
    # Be done before the clinic opens, all tries together.
    dagrun_timeout=timedelta(hours=5),
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params={"folder": Param("/srv/batchcancel", type="string")},
)
def nightly() -> None:
    report = BatchReportOperator(task_id="report", skip_nothing=True, **BATCH)
    chain(
        is_there(MANIFEST),
        BatchCancelOperator(
            task_id="cancel",
            manifest=MANIFEST,
            job_file=Path(__file__).with_suffix(".toml"),
            skip_nothing=True,
            outlets=[Asset("batchcancel_nights")],
            **BATCH,
        ),
        # However the night ends; it decides nothing about that.
        report.as_teardown(),
    )


nightly()

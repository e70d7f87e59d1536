"""A group of clinics, each organisation with an API key of its own: all at the same time.

For every organisation there is a Connection of type huskyvoice, and a pool of the same name with
one slot. Its manifests of a night lie in a folder like 2026-11-23/huskyvoice_north. They become the
instances of its mapped group, and go one after the other, because one key can do 60 requests a
minute on any number of machines. Organisations do not wait for each other: the executor spreads
them over its workers.

Airflow gives the instances of a mapped task one pool, so every organisation has a group of tasks.
Each manifest has a report, however its run ends.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import ObjectStoragePath, Param, dag, task, task_group

from batchcancel.airflow import BatchCancelOperator, BatchReportOperator, named

LEDGER = "batchcancel_ledger"

ORGANISATIONS = ("huskyvoice_north", "huskyvoice_south")
"""The ids of their Connections."""

NIGHT = "{{ (dag_run.logical_date or dag_run.run_after).astimezone(dag.timezone) | ds }}"


@task
def manifests(folder: str, night: str, organisation: str) -> list[dict[str, str]]:
    """The batch is named by the file: its place among the others changes when one comes late."""
    found = (ObjectStoragePath(folder) / night / organisation).glob("*.csv")
    return [
        {
            "manifest": one.path if one.protocol == "file" else str(one),
            "batch": named(f"{organisation}={one.stem}@{night}"),
        }
        for one in sorted(found, key=str)
    ]


@task_group
def closure(organisation: str, manifest: str, batch: str) -> None:
    cancel = BatchCancelOperator(
        task_id="cancel",
        manifest=manifest,
        batch=batch,
        huskyvoice_conn_id=organisation,
        pool=organisation,
        ledger_conn_id=LEDGER,
        max_cancel=2000,
    )
    report = BatchReportOperator(
        task_id="report", batch=batch, ledger_conn_id=LEDGER, skip_nothing=True
    )
    cancel >> report.as_teardown()


@dag(
    schedule="0 2 * * *",
    tags=["batchcancel"],
    start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Kolkata")),
    catchup=False,
    max_active_runs=1,
    # The pools hold every key to one task; nothing else should hold them back.
    max_active_tasks=1024,
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    params={"folder": Param("/srv/batchcancel/group", type="string")},
)
def clinic_group() -> None:
    for organisation in ORGANISATIONS:
        found = manifests.override(task_id=f"manifests_{organisation}")(
            "{{ params.folder }}", NIGHT, organisation
        )
        closure.override(group_id=organisation).partial(organisation=organisation).expand_kwargs(
            found
        )


clinic_group()

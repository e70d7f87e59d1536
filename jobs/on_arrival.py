"""A manifest that arrives in a folder is cancelled: the same file never twice.

Airflow's triggerer looks at the folder. Whoever writes manifests with Airflow needs no folder: a
task with the asset among its `outlets`, or a call of Airflow's API, whose event has the extra
`{"manifest": "s3://closures/2026/monday.csv"}`, starts the Dag as well.

The batch is called by the file. So a file that is told twice is one batch, of which the second run
sends nothing, and one that was replaced is refused: give it another name. Nobody is asked, as with
`nightly`, whose options and Connections these are. Each file has a report, however its run ends.
"""

import os
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task, task_group

from batchcancel.airflow import BatchCancelOperator, BatchReportOperator, ManifestTrigger, named

LEDGER = "batchcancel_ledger"
FOLDER = os.environ.get("MANIFESTS_ARRIVE_IN", "/srv/batchcancel/arrivals")
MANIFESTS = Asset(
    "batchcancel_manifests",
    watchers=[AssetWatcher(name="arrivals", trigger=ManifestTrigger(folder=FOLDER))],
)


@task
def arrived(triggering_asset_events: Any = None) -> list[dict[str, str]]:
    """The files of all events that started this run, each once."""
    extras = [one.extra for one in chain.from_iterable(triggering_asset_events.values())]
    told = [one.get("payload", one).get("manifest") for one in extras]
    if not any(told):
        raise ValueError('No event names a file: give it {"manifest": "..."} as extra.')
    return [{"manifest": one, "batch": named(one)} for one in dict.fromkeys(filter(None, told))]


@task_group
def closure(manifest: str, batch: str) -> None:
    cancel = BatchCancelOperator(
        task_id="cancel",
        manifest=manifest,
        batch=batch,
        ledger_conn_id=LEDGER,
        job_file=Path(__file__).with_name("nightly.toml"),
        # One key, one task: they would only wait for each other's share of its rate limit.
        max_active_tis_per_dag=1,
    )
    report = BatchReportOperator(
        task_id="report", batch=batch, ledger_conn_id=LEDGER, skip_nothing=True
    )
    cancel >> report.as_teardown()


@dag(
    schedule=[MANIFESTS],
    tags=["batchcancel"],
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
)
def on_arrival() -> None:
    closure.expand_kwargs(arrived())


on_arrival()

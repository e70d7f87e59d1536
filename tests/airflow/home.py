"""Where Airflow lives in these tests. It reads this when it is imported, so this comes first."""

import json
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUNDLES = {"jobs": ROOT / "jobs", "tests": ROOT / "tests" / "airflow" / "dags"}
_FOLDER = tempfile.TemporaryDirectory(prefix="airflow-")
HOME = Path(_FOLDER.name)


def bundles(folders):
    """Folders of Dags as Airflow is told of them."""
    kind = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return json.dumps(
        [
            {"name": name, "classpath": kind, "kwargs": {"path": str(path)}}
            for name, path in folders.items()
        ]
    )


# A process of Airflow imports two thousand modules: they are compiled once, by whoever is first.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(BUNDLES["jobs"]),
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundles(BUNDLES),
}

import os
import sys
from pathlib import Path

import pytest

from tests.airflow.dag_runs import run, xcom

pytestmark = pytest.mark.usefixtures("tables")


@pytest.fixture
def command(stage, monkeypatch):
    """The command line on the worker, with its key in the worker's environment."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    for name in ("HUSKYVOICE_API_KEY", "BATCHCANCEL_BASE_URL", "BATCHCANCEL_RATE"):
        monkeypatch.setenv(name, stage.environ[name])


@pytest.mark.usefixtures("command")
def test_the_last_line_of_the_command_becomes_the_xcom_of_its_task(stage):
    stage.closure(3)
    manifest, ledger = stage.folder / "closure.csv", stage.folder / "bash.ledger.db"
    state, _, run_id = run("bash", manifest=str(manifest), ledger=str(ledger))
    assert "success" == state
    told = xcom(run_id, "cancel")
    assert (3, 3, f"bash@{run_id}") == (told["rows"], told["cancelled"], told["batch"])


@pytest.mark.usefixtures("command")
def test_a_command_that_does_not_end_with_0_fails_its_task(stage):
    manifest, ledger = stage.write("closure.csv", ["unknown"]), stage.folder / "bash.ledger.db"
    assert "failed" == run("bash", manifest=str(manifest), ledger=str(ledger))[0]

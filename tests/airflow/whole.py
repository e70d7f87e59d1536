"""A whole Airflow for the tests of a file, and the sandbox that its tasks meet."""

import json
from collections import Counter
from contextlib import closing

import pytest

from batchcancel.ledger.open import read_ledger
from batchcancel.sandbox import Clinic, Rate, Sandbox, serving
from tests.airflow.standalone import standalone
from tests.e2e.stage import Stage

ROWS = 18


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    sandbox = Sandbox(Clinic(appointments=0), rate=Rate(limit=None))
    with serving(sandbox) as url:
        stage = Stage(folder, sandbox, url)
        yield stage
        stage.close()


@pytest.fixture(scope="module")
def airflow(stage, tables, tmp_path_factory):
    key = stage.new_key("appointments:read", "appointments:write")
    connection = {"conn_type": "huskyvoice", "host": stage.url, "password": key}
    home = tmp_path_factory.mktemp("airflow") / "home"
    with standalone(
        home, tables, AIRFLOW_CONN_HUSKYVOICE_DEFAULT=json.dumps(connection)
    ) as airflow:
        airflow.until_ready("one_batch")
        yield airflow
    for path in home.rglob("*"):
        if path.is_file():
            stage.require_secrecy(path.read_bytes())


def book(stage, name):
    ids = [f"{name[-20:]}{number:02}" for number in range(ROWS)]
    stage.book(*ids)
    return stage.write(f"{name}.csv", ids), ids


def require_each_cancelled_once(stage, closure):
    _, ids = closure
    cancelled = {one: count for one, count in stage.cancellations().items() if one in set(ids)}
    assert Counter(ids) == cancelled


def runs_in(ledger):
    """The exit codes of the runs over the one batch of a ledger."""
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        return [one.exit_code for one in account.runs(batch.name)]

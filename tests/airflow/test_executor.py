"""Tasks as an executor starts, kills and retries them: `airflow standalone`, LocalExecutor."""

import json
import os
import re
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from batchcancel.ledger.open import read_ledger
from batchcancel.sandbox import Clinic, Rate, Sandbox, serving
from tests.airflow.standalone import standalone
from tests.e2e.stage import Stage
from tests.postgres import database, postgres

__all__ = ["database", "postgres"]

ROWS = 18
SLOW, SLOWER = "10/15s", "10/30s"
"""The rules and nine rows at once, then so long to strike before the others are sent."""

SIGTERM = 143


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


@pytest.fixture
def closure(stage, request):
    """Appointments of this test's own, and their manifest."""
    name = re.sub(r"\W", "_", request.node.name)
    ids = [f"{name[-20:]}{number:02}" for number in range(ROWS)]
    stage.book(*ids)
    return stage.write(f"{name}.csv", ids), ids


@pytest.fixture
def ledger(closure, request):
    """Where the account of a closure is kept: in a file beside it, unless a test says otherwise."""
    if getattr(request, "param", "file") == "database":
        return request.getfixturevalue("database")
    return f"{closure[0]}.ledger.db"


@pytest.fixture
def rate():
    return SLOW


@pytest.fixture
def half_way(airflow, stage, closure, ledger, rate):
    """Start a run, wait until half of it is done; the run and its task's process."""
    manifest, ids = closure
    run = airflow.start("one_batch", manifest=str(manifest), rate=rate, ledger=ledger)
    airflow.wait_until(lambda: len(set(stage.patched()) & set(ids)) >= ROWS // 2)
    return run, int(Path(f"{manifest}.pid").read_text())


def require_each_cancelled_once(stage, closure):
    _, ids = closure
    cancelled = {one: count for one, count in stage.cancellations().items() if one in set(ids)}
    assert Counter(ids) == cancelled


def runs_in(ledger):
    """The exit codes of the runs over the one batch of a ledger."""
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        return [one.exit_code for one in account.runs(batch.name)]


@pytest.mark.parametrize("ledger", ["file", "database"], indirect=True)
def test_a_task_that_is_killed_resumes_in_its_next_try_which_waits_out_the_lease(
    airflow, stage, closure, ledger, half_way
):
    run, process = half_way
    os.kill(process, signal.SIGKILL)
    airflow.until_success(run)
    assert ([None, 0], 2) == (runs_in(ledger), airflow.tries(run, "cancel"))
    require_each_cancelled_once(stage, closure)


def test_a_task_whose_worker_is_stopped_drains_and_another_try_resumes(
    airflow, stage, closure, ledger, half_way
):
    run, process = half_way
    os.kill(process, signal.SIGTERM)
    airflow.until_success(run)
    assert [SIGTERM, 0] == runs_in(ledger)
    require_each_cancelled_once(stage, closure)


@pytest.mark.parametrize("rate", [SLOWER])  # Airflow takes its time to tell the task
def test_a_task_that_somebody_stops_drains_before_it_is_killed(
    airflow, stage, closure, ledger, half_way
):
    run, _ = half_way
    airflow.mark_failed(run, "cancel")
    airflow.wait_until(lambda: [SIGTERM] == runs_in(ledger))
    airflow.clear(run, "cancel")
    airflow.wait_until(lambda: len(runs_in(ledger)) > 1)
    airflow.until_success(run)
    require_each_cancelled_once(stage, closure)


def test_the_same_batch_twice_at_once_is_one_run_and_one_that_waits_for_it(
    airflow, stage, closure, ledger
):
    run = airflow.start("same_batch_twice", manifest=str(closure[0]), rate=SLOW)
    airflow.until_success(run)
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        first, second = account.runs(batch.name)
    assert (0, 0) == (first.exit_code, second.exit_code)
    assert first.ended_at <= second.started_at
    require_each_cancelled_once(stage, closure)

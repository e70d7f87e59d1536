"""Tasks as an executor starts, kills and retries them: `airflow standalone`, LocalExecutor."""

import os
import re
import signal
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from batchcancel.ledger.open import read_ledger
from tests.airflow.whole import ROWS, airflow, book, require_each_cancelled_once, runs_in, stage
from tests.postgres import database, postgres

__all__ = ["airflow", "database", "postgres", "stage"]

SLOW, SLOWER = "10/15s", "10/30s"
"""The rules and nine rows at once, then so long to strike before the others are sent."""

SIGTERM = 143


@pytest.fixture
def closure(stage, request):
    """Appointments of this test's own, and their manifest."""
    return book(stage, re.sub(r"\W", "_", request.node.name))


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
    airflow.mark(run, "cancel", "failed")
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
    # The API's clock, which both read, is known to within a second.
    assert first.ended_at - second.started_at < timedelta(seconds=1)
    require_each_cancelled_once(stage, closure)

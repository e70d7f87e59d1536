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
from batchcancel.sandbox import Clinic, Fault, Rate, Sandbox, serving
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


def book(stage, name):
    ids = [f"{name[-20:]}{number:02}" for number in range(ROWS)]
    stage.book(*ids)
    return stage.write(f"{name}.csv", ids), ids


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


def require_each_cancelled_once(stage, closure):
    _, ids = closure
    cancelled = {one: count for one, count in stage.cancellations().items() if one in set(ids)}
    assert Counter(ids) == cancelled


def runs_in(ledger):
    """The exit codes of the runs over the one batch of a ledger."""
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        return [one.exit_code for one in account.runs(batch.name)]


def plans_in(ledger):
    """How often the one batch of a ledger was planned."""
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        return [one.kind for one in account.looks(batch.name)].count("plan")


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
    assert first.ended_at <= second.started_at
    require_each_cancelled_once(stage, closure)


ENDS = ("stopped", "cleared", "declared done", "orphaned", "killed")
"""What befalls a task while it is deferred, and the last one in its second slice."""


@pytest.fixture(scope="module")
def befallen(airflow, stage, postgres):
    """Deferred tasks, all at once, and what befell each: their runs, closures and ledgers, and in
    which try it did.
    """
    rate, found, tries = "12/40s", {}, {}
    for name in ENDS:
        closure = book(stage, name.replace(" ", "_"))
        ledger = postgres.database()
        run = airflow.start("deferred", manifest=str(closure[0]), ledger=ledger, rate=rate)
        found[name] = run, closure, ledger
    stuck = found["killed"][1][1][-3]
    stage.sandbox.faults.add(Fault("hang"), method="PATCH", appointment_id=stuck)
    acts = {
        "stopped": lambda run: airflow.mark(run, "cancel", "failed"),
        "cleared": lambda run: airflow.clear(run, "cancel"),
        "declared done": lambda run: airflow.mark(run, "cancel", "success"),
        "orphaned": lambda _run: airflow.lose_triggerer(),
    }
    waiting = {*acts}

    def all_befallen():
        for name in sorted(waiting):
            run, *_ = found[name]
            if airflow.state(f"{run}/taskInstances/cancel") == "deferred":
                tries[name] = airflow.tries(run, "cancel")
                acts[name](run)
                waiting.remove(name)
        return not waiting

    airflow.wait_until(all_befallen)
    airflow.wait_until(lambda: stuck in stage.patched())
    run, (manifest, _), _ = found["killed"]
    tries["killed"] = airflow.tries(run, "cancel")
    os.kill(int(Path(f"{manifest}.pid").read_text()), signal.SIGKILL)
    return {name: (*found[name], tries[name]) for name in ENDS}


def test_a_task_that_is_stopped_while_it_is_deferred_has_sent_all_it_will_and_holds_nothing(
    airflow, stage, befallen
):
    run, closure, ledger, _ = befallen["stopped"]
    airflow.wait_until(lambda: airflow.state(run) == "failed")
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        assert not account.is_held(batch.name)
    assert [5] == runs_in(ledger)
    airflow.clear(run, "cancel")
    airflow.wait_until(lambda: len(runs_in(ledger)) > 1)
    airflow.until_success(run)
    require_each_cancelled_once(stage, closure)


def test_a_task_that_is_cleared_while_it_is_deferred_plans_anew_and_resumes(
    airflow, stage, befallen
):
    run, closure, ledger, _ = befallen["cleared"]
    airflow.until_success(run)
    assert 2 == plans_in(ledger)
    require_each_cancelled_once(stage, closure)


def test_a_task_that_is_declared_done_while_it_is_deferred_sends_nothing_more(
    airflow, stage, befallen
):
    run, (_, ids), ledger, _ = befallen["declared done"]
    airflow.until_success(run)
    assert [5] == runs_in(ledger)
    assert 0 < len(set(stage.patched()) & set(ids)) < ROWS


def test_a_triggerer_that_is_lost_delays_its_tasks_which_go_on_in_the_same_try(
    airflow, stage, befallen
):
    run, closure, ledger, number = befallen["orphaned"]
    airflow.until_success(run)
    assert ([5, 0], number) == (runs_in(ledger), airflow.tries(run, "cancel"))
    assert 1 == plans_in(ledger)
    require_each_cancelled_once(stage, closure)


def test_a_task_that_is_killed_in_its_second_slice_resumes_in_another_try(airflow, stage, befallen):
    run, closure, ledger, number = befallen["killed"]
    airflow.until_success(run)
    assert ([5, None], number + 1) == (runs_in(ledger)[:2], airflow.tries(run, "cancel"))
    require_each_cancelled_once(stage, closure)

"""Deferred tasks, and what befalls them: stopped, cleared, declared done, orphaned, killed."""

import os
import signal
from contextlib import closing
from pathlib import Path

import pytest

from batchcancel.ledger.open import read_ledger
from batchcancel.sandbox import Fault
from tests.airflow.whole import ROWS, airflow, book, require_each_cancelled_once, runs_in, stage
from tests.postgres import postgres

__all__ = ["airflow", "postgres", "stage"]


def plans_in(ledger):
    """How often the one batch of a ledger was planned."""
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        return [one.kind for one in account.looks(batch.name)].count("plan")


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

"""Deferred tasks, and what befalls them: stopped, cleared, declared done, orphaned, killed."""

from contextlib import closing

from batchcancel.ledger.open import read_ledger
from tests.airflow.live.closures import ROWS


def plans_in(ledger):
    """How often the one batch of a ledger was planned."""
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        return [one.kind for one in account.looks(batch.name)].count("plan")


def test_a_task_that_is_stopped_while_it_is_deferred_has_sent_all_it_will_and_holds_nothing(
    airflow, stage, befallen
):
    closure = befallen["stopped_deferred"]
    airflow.wait_until(lambda: airflow.state(closure.run) == "failed")
    with closing(read_ledger(closure.ledger)) as account:
        [batch] = account.batches()
        assert not account.is_held(batch.name)
    assert [5] == closure.exit_codes()
    airflow.clear(closure.run, "cancel")
    airflow.wait_until(lambda: len(closure.exit_codes()) > 1)
    airflow.until_success(closure.run)
    closure.require_each_cancelled_once(stage)


def test_a_task_that_is_cleared_while_it_is_deferred_plans_anew_and_resumes(
    airflow, stage, befallen
):
    closure = befallen["cleared_deferred"]
    airflow.until_success(closure.run)
    assert 2 == plans_in(closure.ledger)
    closure.require_each_cancelled_once(stage)


def test_a_task_that_is_declared_done_while_it_is_deferred_sends_nothing_more(
    airflow, stage, befallen
):
    closure = befallen["declared_done"]
    airflow.until_success(closure.run)
    assert [5] == closure.exit_codes()
    assert 0 < len(set(stage.patched()) & set(closure.ids)) < ROWS


def test_a_triggerer_that_is_lost_delays_its_tasks_which_go_on_in_the_same_try(
    airflow, stage, befallen
):
    closure = befallen["orphaned"]
    airflow.until_success(closure.run)
    tries = airflow.tries(closure.run, "cancel")
    assert ([5, 0], closure.tries) == (closure.exit_codes(), tries)
    assert 1 == plans_in(closure.ledger)
    closure.require_each_cancelled_once(stage)


def test_a_task_that_is_killed_in_its_second_slice_resumes_in_another_try(airflow, stage, befallen):
    closure = befallen["killed_again"]
    airflow.until_success(closure.run)
    tries = airflow.tries(closure.run, "cancel")
    assert ([5, None], closure.tries + 1) == (closure.exit_codes()[:2], tries)
    closure.require_each_cancelled_once(stage)

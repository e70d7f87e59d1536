"""Tasks that an executor starts, and what befalls them: killed, stopped, twice at once."""

from contextlib import closing
from datetime import timedelta

import pytest

from batchcancel.ledger.open import read_ledger

SIGTERM = 143


@pytest.mark.parametrize("name", ["killed", "killed_in_database"])
def test_a_task_that_is_killed_resumes_in_its_next_try_which_waits_out_the_lease(
    airflow, stage, befallen, name
):
    closure = befallen[name]
    airflow.until_success(closure.run)
    assert ([None, 0], 2) == (closure.exit_codes(), airflow.tries(closure.run, "cancel"))
    closure.require_each_cancelled_once(stage)


def test_a_task_whose_worker_is_stopped_drains_and_another_try_resumes(airflow, stage, befallen):
    closure = befallen["terminated"]
    airflow.until_success(closure.run)
    assert [SIGTERM, 0] == closure.exit_codes()
    closure.require_each_cancelled_once(stage)


def test_a_task_that_somebody_stops_drains_before_it_is_killed(airflow, stage, befallen):
    closure = befallen["stopped"]
    airflow.wait_until(lambda: [SIGTERM] == closure.exit_codes())
    airflow.clear(closure.run, "cancel")
    airflow.wait_until(lambda: len(closure.exit_codes()) > 1)
    airflow.until_success(closure.run)
    closure.require_each_cancelled_once(stage)


def test_the_same_batch_twice_at_once_is_one_run_and_one_that_waits_for_it(
    airflow, stage, befallen
):
    closure = befallen["twice"]
    airflow.until_success(closure.run)
    with closing(read_ledger(closure.ledger)) as account:
        [batch] = account.batches()
        first, second = account.runs(batch.name)
    assert (0, 0) == (first.exit_code, second.exit_code)
    # The API's clock, which both read, is known to within a second.
    assert first.ended_at - second.started_at < timedelta(seconds=1)
    closure.require_each_cancelled_once(stage)

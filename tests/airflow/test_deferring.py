"""A task that gives its slot back while the window is full, on real Airflow and a real database."""

from collections import Counter
from contextlib import closing

import pytest

from batchcancel.ledger.open import read_ledger
from tests.airflow.dag_runs import run, xcom
from tests.postgres import database, postgres

__all__ = ["database", "postgres"]


def runs_in(ledger):
    """The exit codes of the runs over the one batch of a ledger."""
    with closing(read_ledger(ledger)) as account:
        [batch] = account.batches()
        return [one.exit_code for one in account.runs(batch.name)]


@pytest.mark.usefixtures("tables")
def test_a_deferred_task_sends_a_window_at_a_time_and_ends_in_its_first_try(
    stage, organisation, database
):
    organisation()
    ids = stage.closure(30)
    manifest = stage.folder / "closure.csv"
    state, _, run_id = run("deferred", manifest=str(manifest), ledger=database)
    assert "success" == state
    assert Counter(ids) == Counter(stage.patched())
    assert [5, 5, 0] == runs_in(database)
    summary = xcom(run_id, "cancel")
    assert (30, len(stage.sandbox.history)) == (summary["cancelled"], summary["requests"])

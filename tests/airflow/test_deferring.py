"""A task that gives its slot back while the window is full, on real Airflow and a real database."""

import asyncio
import json
import logging
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from batchcancel.airflow.deferring import is_deferred
from batchcancel.airflow.trigger import SlotsFree
from batchcancel.errors import InputError
from batchcancel.ledger.open import read_ledger
from batchcancel.settings import quantities
from tests.airflow.dag_runs import run, xcom
from tests.postgres import database, postgres

__all__ = ["database", "postgres"]

POSTGRES, FILE = "postgresql://db.test/batches", "/srv/closure.ledger.db"
DEFAULT = "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"


def deferred(asked, ledger, rate="60/60s"):
    told = SimpleNamespace(ledger=ledger, rate=quantities.rate(rate))
    return is_deferred(asked, told, log=logging.getLogger("task"))


@pytest.mark.parametrize(
    ("asked", "default", "rate", "is_so"),
    [
        (True, "False", "60/60s", True),
        (None, "True", "60/60s", True),
        (None, "False", "60/60s", False),
        (False, "True", "60/60s", False),
        (True, "False", "600/10m", True),
        (True, "False", "59/59s", False),
        (True, "False", "none", False),
    ],
)
def test_a_task_is_deferred_as_it_is_told_or_as_airflow_is_where_a_window_is_a_minute_or_more(
    monkeypatch, asked, default, rate, is_so
):
    monkeypatch.setenv(DEFAULT, default)
    assert is_so is deferred(asked, POSTGRES, rate)


def test_a_ledger_that_is_a_file_is_refused_where_it_is_told_and_waited_with_by_default(
    monkeypatch, caplog
):
    monkeypatch.setenv(DEFAULT, "True")
    caplog.set_level(logging.INFO)
    with pytest.raises(InputError, match="the ledger is no PostgreSQL database"):
        deferred(True, FILE)
    assert not deferred(None, FILE)
    [line] = caplog.messages
    assert line.startswith("Not deferred: the ledger is no PostgreSQL database")


def fired(seconds):
    """A trigger that was taken out of Airflow's database: how long it waits, and what it tells."""

    async def first():
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        path, told = SlotsFree(until, {"after": "run-1", "began": until}).serialize()
        again = SlotsFree(**json.loads(json.dumps(told)))
        assert f"{type(again).__module__}.{type(again).__name__}" == path
        began = asyncio.get_running_loop().time()
        event = await anext(again.run())
        return asyncio.get_running_loop().time() - began, event.payload["after"]

    return asyncio.run(first())


def test_a_trigger_fires_at_its_instant_and_one_that_comes_too_late_at_once():
    waited, told = fired(1)
    assert (True, "run-1") == (0.9 < waited, told)
    assert fired(-3600)[0] < 0.9


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

"""Real Airflow, in a home of its own, before a sandbox on a real socket.

Where Airflow is not installed nothing here is collected: `.ci/run` has an environment for it, and
runs this folder there.
"""

import json
from importlib.util import find_spec

import pytest

from tests.airflow import home
from tests.e2e.conftest import new_stage, stage

__all__ = ["home", "new_stage", "stage"]

collect_ignore_glob = [] if find_spec("airflow") else ["*.py"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """What needs the whole Airflow goes to one worker, first; other tests to whoever is free."""
    from xdist.scheduler import LoadScopeScheduling

    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = lambda nodeid: "live" if "live/test_" in nodeid else nodeid
    return scheduling


@pytest.fixture(scope="session")
def tables():
    """Airflow's tables."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture
def connect(monkeypatch):
    """Make a Connection known."""

    def connect(conn_id, **fields):
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    return connect


@pytest.fixture
def organisation(stage, connect):
    """Make an organisation's Connection, with a key of its own; no rate limit."""

    def organisation(conn_id="huskyvoice_default", **fields):
        key = stage.new_key("appointments:read", "appointments:write", "slots:read")
        connected = {"conn_type": "huskyvoice", "host": stage.url, "password": key}
        connect(conn_id, **(connected | {"extra": {"rate": "none"}} | fields))
        return key

    return organisation


@pytest.fixture
def ledger(stage, connect):
    """The ledger's Connection; the file's path."""
    path = stage.folder / "batches.ledger.db"
    connect("batchcancel_ledger", conn_type="sqlite", host=str(path))
    return path

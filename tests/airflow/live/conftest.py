"""One whole Airflow for all tests here. What takes long is begun before the first of them."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from batchcancel.sandbox import Clinic, Rate, Sandbox, serving
from tests.airflow.home import BUNDLES, bundles
from tests.airflow.live import closures, night
from tests.airflow.live.running import running
from tests.e2e.stage import Stage
from tests.postgres import postgres

__all__ = ["postgres"]


@contextmanager
def _stage(folder, **rate):
    sandbox = Sandbox(Clinic(appointments=0), rate=Rate(**rate))
    with serving(sandbox) as url:
        stage = Stage(folder, sandbox, url)
        yield stage
        stage.close()


@pytest.fixture(scope="session")
def stage(tmp_path_factory):
    with _stage(tmp_path_factory.mktemp("stage"), limit=None) as stage:
        yield stage


@pytest.fixture(scope="session")
def group(tmp_path_factory):
    """The stage of the night, whose sandbox has a rate limit."""
    folder = tmp_path_factory.mktemp("night")
    with _stage(folder, limit=night.LIMIT, seconds=night.SECONDS) as stage:
        yield stage


def _clinic(stage, rate):
    """A Connection with a key of its own."""
    key = stage.new_key("appointments:read", "appointments:write", "slots:read")
    told = {"conn_type": "huskyvoice", "host": stage.url, "password": key, "extra": {"rate": rate}}
    return json.dumps(told)


def _rows(postgres, url):
    """What is in each table of a database, as a text in which bytes show as they are."""
    readable = f"{url}&options=-cbytea_output%3Descape"
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    for (table,) in postgres.execute(tables, url=url):
        rows = postgres.execute(f'SELECT one::text FROM "{table}" one', url=readable)
        yield "\n".join(text for (text,) in rows).encode()


@pytest.fixture(scope="session")
def airflow(stage, group, postgres, tmp_path_factory):
    (lists := stage.folder / "lists").mkdir()
    connections = {
        "batchcancel_ledger": f"{postgres.database()}&outputs={quote(str(lists), safe='')}",
        **{one: _clinic(stage, "none") for one in ("huskyvoice_default", *closures.DAGS)},
        **{one: _clinic(group, night.RATE) for one in night.ORGANISATIONS},
    }
    night.copy_dags(group, jobs := tmp_path_factory.mktemp("jobs"))
    told = {f"AIRFLOW_CONN_{name.upper()}": text for name, text in connections.items()}
    folders = bundles({"tests": BUNDLES["tests"], "jobs": jobs})
    home = tmp_path_factory.mktemp("airflow") / "home"
    tables = postgres.database()
    with running(
        home, tables, AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=folders, **told
    ) as airflow:
        for one in night.ORGANISATIONS:
            airflow.make_pool(one, slots=1)
        yield airflow
    files = (path.read_bytes() for path in home.rglob("*") if path.is_file())
    for content in (*files, *_rows(postgres, tables)):
        stage.require_secrecy(content)
        group.require_secrecy(content)


@pytest.fixture(scope="session", autouse=True)
def _all_at_once(request):
    """Whatever test comes first, what others ask for goes on beside it."""
    asked = {name for one in request.session.items for name in one.fixturenames}
    for name in sorted({"befalling", "wanted"} & asked):
        request.getfixturevalue(name)


@pytest.fixture(scope="session")
def befalling(airflow, stage, postgres):
    """Closures, and a thread in which something befalls each of them."""
    for dag in ("one_batch", "same_batch_twice", "deferred"):
        airflow.unpause(dag)
    begun = closures.begin_all(airflow, stage, postgres)
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(closures.befall, airflow, stage, begun)


@pytest.fixture
def befallen(befalling):
    """The closures, each befallen by what its name says."""
    return befalling.result()


@pytest.fixture(scope="session")
def wanted(airflow, group):
    """What a group wants to cancel in its night, which has begun: whose each appointment is."""
    wanted = night.book(group)
    airflow.unpause("clinic_group")
    airflow.unpause("on_arrival")  # a folder is watched once its Dag is read again
    return wanted

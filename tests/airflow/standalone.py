"""`airflow standalone` in the background: its own home, a free port, and an end in any case."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from tests.airflow.home import bundles

PATIENCE = 300.0
_DAGS = Path(__file__).parent / "dags"


class Standalone:
    """A running Airflow with LocalExecutor; all its processes are one group."""

    def __init__(self, home, url, process, environ):
        self.home = home
        self._process = process
        self._environ, self._others = environ, []
        self._api = httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False)

    def wait_until(self, is_so):
        """Wait for a condition, not for a time: a loaded machine may take long."""
        deadline = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def until_ready(self, dag_id):
        """Wait until the API answers and the Dag can be started."""
        self.wait_until(self._logs_in)
        self.wait_until(lambda: self._is_known(dag_id))

    def _logs_in(self):
        try:
            answer = self._api.get("/auth/token")
        except httpx.TransportError:
            return False
        if answer.is_success:
            self._api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer.is_success

    def _is_known(self, dag_id):
        return self._api.get(f"/api/v2/dags/{dag_id}").is_success

    def start(self, dag_id, **conf):
        """Start a run; returns its path in the API."""
        answer = self._api.post(
            f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf}
        )
        assert answer.is_success, answer.text
        return f"/api/v2/dags/{dag_id}/dagRuns/{answer.json()['dag_run_id']}"

    @property
    def url(self):
        return str(self._api.base_url).rstrip("/")

    def until_started(self, dag_id):
        """The path of the first run that somebody starts."""
        self.wait_until(lambda: self.runs(dag_id))
        return self.runs(dag_id)[0]

    def until_asked(self, run, task_id):
        """Wait until a task waits for a person, and the scheduler knows that its process is gone.

        To a scheduler that does not, an answer would look like a task that was killed.
        """
        gone = f"task_id='{task_id}', run_id='{Path(run).name}'"
        self.wait_until(lambda: self.state(f"{run}/taskInstances/{task_id}") == "awaiting_input")
        event = re.compile(f"Received executor event with state success .*{re.escape(gone)}")
        self.wait_until(lambda: event.search(self._log()))

    def answer(self, run, task_id, option):
        path = f"{run}/taskInstances/{task_id}/-1/hitlDetails"
        answer = self._api.patch(path, json={"chosen_options": [option], "params_input": {}})
        assert answer.is_success, answer.text

    def connection_types(self):
        """What the page offers for a new Connection."""
        return {one["connection_type"] for one in self._api.get("/ui/connections/hook_meta").json()}

    def unpause(self, dag_id):
        self._api.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def runs(self, dag_id):
        """The paths of all runs of a Dag in the API."""
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        told = self._api.get(path).raise_for_status().json()["dag_runs"]
        return [f"{path}/{one['dag_run_id']}" for one in told]

    def tasks(self, run):
        """All tasks of a run."""
        told = self._api.get(f"{run}/taskInstances", params={"limit": 100})
        return told.raise_for_status().json()["task_instances"]

    def make_pool(self, name, *, slots):
        pool = {"name": name, "slots": slots}
        self._api.post("/api/v2/pools", json=pool).raise_for_status()

    def tell_asset(self, name, **extra):
        """Tell of an event, as a program does that is no Dag."""
        assets = self._api.get("/api/v2/assets", params={"name_pattern": name}).json()["assets"]
        event = {"asset_id": assets[0]["id"], "extra": extra}
        self._api.post("/api/v2/assets/events", json=event).raise_for_status()

    def state(self, path):
        """The state of a run or of a task in it."""
        return self._api.get(path).raise_for_status().json()["state"]

    def tries(self, run, task_id):
        path = f"{run}/taskInstances/{task_id}"
        return self._api.get(path).raise_for_status().json()["try_number"]

    def until_success(self, run):
        self.wait_until(lambda: self.state(run) in ("success", "failed"))
        assert "success" == self.state(run), self.said()

    def mark(self, run, task_id, state):
        """What a person does who stops a task: Airflow ends its process, with SIGTERM first."""
        answer = self._api.patch(f"{run}/taskInstances/{task_id}", json={"new_state": state})
        assert answer.is_success, answer.text

    def lose_triggerer(self):
        """Kill the triggerer and all its triggers, and start another."""
        for one in psutil.Process(self._process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "triggerer" in one.cmdline():
                    for process in (one, *one.children(recursive=True)):
                        process.kill()
        with (self.home / "standalone.log").open("ab") as log:
            self._others.append(_started("triggerer", self._environ, log))

    def clear(self, run, task_id):
        """What a person does who wants a task to be tried again."""
        dag, _, run_id = run.removeprefix("/api/v2/").partition("/dagRuns/")
        answer = self._api.post(
            f"/api/v2/{dag}/clearTaskInstances",
            json={
                "dry_run": False,
                "dag_run_id": run_id,
                "task_ids": [task_id],
                "only_failed": False,
            },
        )
        assert answer.is_success, answer.text

    def said(self):
        return self._log()[-8000:]

    def _log(self):
        return (self.home / "standalone.log").read_text()

    def stop(self):
        self._api.close()
        for one in (self._process, *self._others):
            os.killpg(one.pid, signal.SIGKILL)
            one.wait(timeout=PATIENCE)


@contextmanager
def standalone(home, tables, **variables):
    """Start Airflow with these variables; nothing of it is left at the end, also after an error.

    It begins with a copy of these tables, for making them takes long.
    """
    port = _free_port()
    environ = os.environ | _settings(home, port) | variables
    home.mkdir()
    _copy_tables(tables, home / "airflow.db")
    with (home / "standalone.log").open("wb") as log:
        process = _started("standalone", environ, log)
        airflow = Standalone(home, f"http://127.0.0.1:{port}", process, environ)
        try:
            yield airflow
        finally:
            airflow.stop()


def _started(command, environ, log):
    """A command of Airflow, with all its processes in a group of their own."""
    return subprocess.Popen(
        [sys.executable, "-m", "airflow", command],
        env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _settings(home, port):
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=60",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundles({"tests": _DAGS}),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "3",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # its 5 s are short on a busy machine
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "12",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
    }


def _copy_tables(tables, path):
    """In a database whose readers and writers do not shut each other out."""
    with closing(sqlite3.connect(shutil.copy(tables, path))) as db:
        db.execute("PRAGMA journal_mode=WAL")


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]

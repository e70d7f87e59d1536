"""A whole Airflow in the background: its own home, a free port, and an end in any case."""

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

PATIENCE = 300.0
_COMMANDS = {
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "api-server": (),
    "triggerer": ("--skip-serve-logs",),
}
"""The parts of Airflow; nobody asks for logs, so nothing serves them."""


class Airflow:
    """A running Airflow with LocalExecutor."""

    def __init__(self, home, port, environ):
        self.home = home
        self.url = f"http://127.0.0.1:{port}"
        self._environ = environ
        self._parts = {}
        self._api = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)

    def begin(self):
        for part in _COMMANDS:
            self._begin(part)
        self.wait_until(self._logs_in)

    def _begin(self, part):
        with (self.home / "airflow.log").open("ab") as log:
            self._parts[part] = subprocess.Popen(
                [sys.executable, "-m", "airflow", part, *_COMMANDS[part]],
                env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def _end(self, part):
        process = self._parts.pop(part)
        for one in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.kill()
        process.wait(timeout=PATIENCE)

    def end(self):
        self._api.close()
        for part in [*self._parts]:
            self._end(part)

    def lose_triggerer(self):
        """Kill the triggerer and all its triggers, and start another."""
        self._end("triggerer")
        self._begin("triggerer")

    def wait_until(self, is_so):
        """Wait for a condition, not for a time: a loaded machine may take long; what it gave."""
        deadline = time.monotonic() + PATIENCE
        while not (value := is_so()):
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.5)  # each look takes time of its own
        return value

    def _logs_in(self):
        try:
            answer = self._api.get("/auth/token")
        except httpx.TransportError:
            return False
        if answer.is_success:
            self._api.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer.is_success

    def start(self, dag_id, **conf):
        """Start a run; returns its path in the API."""
        answer = self._api.post(
            f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf}
        )
        assert answer.is_success, answer.text
        return f"/api/v2/dags/{dag_id}/dagRuns/{answer.json()['dag_run_id']}"

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
        """As soon as the Dag is known: it can be started then."""
        path, told = f"/api/v2/dags/{dag_id}", {"is_paused": False}
        self.wait_until(lambda: self._api.patch(path, json=told).is_success)

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
        return (self.home / "airflow.log").read_text()


@contextmanager
def running(home, database, **variables):
    """Start Airflow with these variables; nothing of it is left at the end, also after an error.

    Its tables are in PostgreSQL, where so many tasks at once do not shut each other out.
    """
    port = _free_port()
    home.mkdir()
    (home / "airflow.cfg").touch()  # or each part would write one
    environ = os.environ | _settings(home, port, database) | variables
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=environ, check=True, capture_output=True)
    airflow = Airflow(home, port, environ)
    try:
        airflow.begin()
        yield airflow
    finally:
        airflow.end()


def _settings(home, port, database):
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.replace(
            "postgresql", "postgresql+psycopg2", 1
        ),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "14",
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # its 5 s are short on a busy machine
        # On a busy machine they would take themselves for dead, and tasks for orphans.
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "300",
        "AIRFLOW__TRIGGERER__RUNNER_HEALTH_CHECK_THRESHOLD": "300",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "12",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": "of no use to anybody else",
        "AIRFLOW__API_AUTH__JWT_SECRET": "of no use to anybody else" * 3,
    }


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]

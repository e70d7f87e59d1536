"""Closures that run all at once, and what befalls the task of each in the middle of it."""

import os
import signal
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from batchcancel.ledger.open import read_ledger
from batchcancel.sandbox import Fault

ROWS = 18
RATE = "12/30s"
"""Nine rows or more go at once; then there is so long to strike before the others are sent."""


@dataclass
class Closure:
    """A run over appointments of its own; `tries` is the try in which something befell its task."""

    run: str
    manifest: Path
    ids: list[str]
    ledger: str
    tries: int = 0

    @property
    def task(self):
        return f"{self.run}/taskInstances/cancel"

    def exit_codes(self):
        """Those of the runs over its batch."""
        with closing(read_ledger(self.ledger)) as account:
            [batch] = account.batches()
            return [one.exit_code for one in account.runs(batch.name)]

    def require_each_cancelled_once(self, stage):
        mine = {one: count for one, count in stage.cancellations().items() if one in self.ids}
        assert Counter(self.ids) == mine


def _signal(number):
    """Strike the process of the task."""

    def strike(_airflow, closure):
        os.kill(int(Path(f"{closure.manifest}.pid").read_text()), number)

    return strike


def _mark(state):
    return lambda airflow, closure: airflow.mark(closure.run, "cancel", state)


HALF_WAY = {
    "killed": _signal(signal.SIGKILL),
    "killed_in_database": _signal(signal.SIGKILL),
    "terminated": _signal(signal.SIGTERM),
    "stopped": _mark("failed"),
}
WHILE_DEFERRED = {
    "stopped_deferred": _mark("failed"),
    "cleared_deferred": lambda airflow, closure: airflow.clear(closure.run, "cancel"),
    "declared_done": _mark("success"),
    "orphaned": lambda airflow, _closure: airflow.lose_triggerer(),
}
IN_SECOND_SLICE = {"killed_again": _signal(signal.SIGKILL)}

DAGS = (
    {"twice": "same_batch_twice"}
    | dict.fromkeys(HALF_WAY, "one_batch")
    | dict.fromkeys(WHILE_DEFERRED | IN_SECOND_SLICE, "deferred")
)
"""Closures by what befalls them. Each has a Connection of that name: a key's window is shared."""


def begin_all(airflow, stage, postgres):
    """The closures, each under way."""
    closures = {}
    for name, dag in DAGS.items():
        ids = [f"{name}{number:02}" for number in range(ROWS)]
        stage.book(*ids)
        manifest = stage.write(f"{name}.csv", ids)
        in_database = dag == "deferred" or name == "killed_in_database"
        ledger = postgres.database() if in_database else f"{manifest}.ledger.db"
        if name in IN_SECOND_SLICE:
            stage.sandbox.faults.add(Fault("hang"), method="PATCH", appointment_id=ids[-3])
        run = airflow.start(dag, manifest=str(manifest), ledger=ledger, conn_id=name, rate=RATE)
        closures[name] = Closure(run, manifest, ids, ledger)
    return closures


def befall(airflow, stage, closures):
    """Let each meet with what its name says when its moment has come; the same closures."""
    waiting = HALF_WAY | WHILE_DEFERRED | IN_SECOND_SLICE

    def is_time(name):
        closure = closures[name]
        if name in WHILE_DEFERRED:
            return airflow.state(closure.task) == "deferred"
        sent = set(stage.patched()) & set(closure.ids)
        return closure.ids[-3] in sent if name in IN_SECOND_SLICE else len(sent) >= ROWS // 2

    while waiting:
        name = airflow.wait_until(lambda: next(filter(is_time, waiting), None))
        closures[name].tries = airflow.tries(closures[name].run, "cancel")
        waiting.pop(name)(airflow, closures[name])
    return closures

"""A run whose lock file was removed keeps its SQLite ledger; a dead one holds none."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from batchcancel.errors import BatchHeld, LedgerWriteFailed
from batchcancel.ledger.sqlite import lease
from batchcancel.ledger.sqlite.ledger import open_sqlite, read_sqlite
from tests.ledger.conftest import WHO

LONG = 3000
PATIENCE_S = 60
ROOT = Path(__file__).parents[2]


class Machine:
    """Its boot, and the seconds since."""

    def __init__(self):
        self.boot = "first"
        self.now = 1000.0


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(lease, "_CLOCK", machine)
    monkeypatch.setattr(lease, "_seconds", lambda: machine.now)
    return machine


@pytest.fixture
def lock(path):
    return path.with_name(f"{path.name}-lock")


@pytest.fixture
def open_ledger(path):
    """Open ledgers whose leases are long, so that only a test ends them."""
    with ExitStack() as stack:
        yield lambda ttl=LONG: stack.enter_context(closing(open_sqlite(path, **WHO, ttl=ttl)))


@pytest.fixture
def first(machine, open_ledger, lock, example):
    """A run with an open row, whose lock file somebody removed."""
    first = example.begin(open_ledger(), "first")
    first.commit([example.intent("a")])
    lock.unlink()
    return first


@pytest.fixture
def second(first, machine, open_ledger, example):
    """The run that took the ledger when the first was not heard of for long enough."""
    machine.now += LONG
    second = open_ledger()
    second.hold(example.run("second"))
    return second


class TestLockFileRemoved:
    def test_another_run_is_refused_and_told_when_the_batch_is_free(
        self, first, machine, open_ledger, example
    ):
        machine.now += 1000
        with pytest.raises(BatchHeld, match="run first on") as refusal:
            open_ledger().hold(example.run("second"))
        assert "free 2000 s from now" in refusal.value.hint
        first.commit([example.settled("a")])

    def test_a_run_over_another_batch_of_the_file_is_refused_too(self, first, open_ledger, example):
        with pytest.raises(BatchHeld, match="batch closure"):
            open_ledger().hold(type(example)(name="other").run("second"))

    def test_whoever_only_opens_it_is_refused_too_for_both_would_number_their_requests_alike(
        self, first, open_ledger, example
    ):
        with pytest.raises(BatchHeld, match="run first on"):
            open_ledger()
        first.commit([example.settled("a")])

    def test_it_is_told_before_the_next_request_where_its_heartbeat_stood_still(
        self, first, second
    ):
        with pytest.raises(LedgerWriteFailed, match="another run has taken over"):
            first.require_held()

    def test_when_it_closes_the_lock_and_the_lease_of_the_other_stay(
        self, first, second, open_ledger, lock, example
    ):
        first.close()
        with pytest.raises(BatchHeld, match="run second of"):
            open_ledger()
        lock.unlink()
        with pytest.raises(BatchHeld, match="run second on"):
            open_ledger().hold(example.run("third"))

    def test_after_another_boot_nobody_holds_anything(self, first, machine, open_ledger, example):
        machine.boot, machine.now = "second", 10.0
        open_ledger().hold(example.run("second"))


class TestHeartbeat:
    def test_it_does_not_meet_what_else_is_written(self, open_ledger, example):
        ledger = example.begin(open_ledger(ttl=0.003))
        for number in range(200):
            ledger.commit([example.intent("a", number + 1, attempt=number + 1)])
        assert 200 == example.record(ledger, "a").attempts

    def test_work_that_lasts_longer_than_a_lease_ends_with_a_whole_one(
        self, machine, open_ledger, example
    ):
        ledger = open_ledger()
        ledger.hold(example.run())

        def rows():
            yield from example.rows()
            machine.now += 2 * LONG

        ledger.enrol(example.batch(), rows(), [])
        assert int((machine.now + LONG) * 1_000_000) == expiry(ledger)


def expiry(ledger):
    ((expires_at,),) = ledger.ask("SELECT expires_at FROM leases")
    return expires_at


def test_a_run_that_cannot_write_that_its_lease_has_ended_is_followed_at_once(
    open_ledger, lock, example
):
    first = example.begin(open_ledger(), "first")
    first._db.execute("PRAGMA query_only = ON")
    first.close()

    assert lock.exists()
    open_ledger().hold(example.run("second"))


DIES = """
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from batchcancel.ledger.contract import Run
from batchcancel.ledger.sqlite.ledger import open_sqlite

ledger = open_sqlite(Path(sys.argv[1]), origin="https://api.example.test", key="key-fingerprint")
now = datetime(2026, 11, 3, 12, tzinfo=UTC)
ledger.hold(Run(run_id="killed", batch="closure", started_at=now))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def killed(path):
    command = [sys.executable, "-c", DIES, str(path)]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ, check=False)
    assert -signal.SIGKILL == ended.returncode
    return path


@pytest.mark.promise(12)
@pytest.mark.parametrize("plans", [0, 2])
def test_a_run_that_was_killed_is_taken_over_at_once_also_after_plans(
    killed, open_ledger, example, plans
):
    for _ in range(plans):
        open_sqlite(killed, **WHO).close()
    open_ledger().hold(example.run("next"))


def test_the_lease_of_one_that_was_killed_is_waited_out_where_its_lock_file_is_gone(
    killed, lock, open_ledger, example
):
    lock.unlink()
    with pytest.raises(BatchHeld, match="run killed on"):
        open_ledger().hold(example.run("next"))
    with closing(read_sqlite(killed)) as reader:
        assert ["killed"] == [run.run_id for run in reader.runs("closure")]

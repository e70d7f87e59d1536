"""A live run keeps its batch, a dead one's is taken over, and the loser writes nothing."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import pytest

from batchcancel.errors import BatchHeld, LedgerWriteFailed
from batchcancel.ledger.contract import Asked
from batchcancel.ledger.postgres.ledger import open_postgres
from batchcancel.ledger.sqlite.ledger import open_sqlite
from tests.ledger.conftest import NOON, SKIPPED, WHO

LONG = 3000
PATIENCE_S = 60


@dataclass
class Rivals:
    """Ledgers of one place, whose leases are long, so that only a test ends them."""

    make: Callable
    expire: Callable[[], object]
    """As if the holder had not been heard of for as long as its lease lasts."""
    stack: ExitStack = field(default_factory=ExitStack)

    def open(self, ttl=LONG):
        return self.stack.enter_context(closing(self.make(**WHO, ttl=ttl)))


def in_a_file(request):
    path = request.getfixturevalue("path")

    def expire():
        path.with_name(f"{path.name}-lock").unlink()
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE leases SET expires_at = 0")

    return Rivals(lambda **whose: open_sqlite(path, **whose), expire)


def in_a_database(request):
    url, ask = request.getfixturevalue("database"), request.getfixturevalue("ask")
    expired = "UPDATE batchcancel.leases SET expires_at = clock_timestamp()"
    return Rivals(lambda **whose: open_postgres(url, **whose), lambda: ask(expired))


@pytest.fixture(params=[in_a_file, in_a_database])
def rivals(request):
    rivals = request.param(request)
    with rivals.stack:
        yield rivals


@pytest.fixture
def both(rivals, example):
    """The run that lost its batch, and the one that has it now and wrote as often as the other."""
    loser = example.begin(rivals.open(), "loser")
    loser.commit([example.intent("a")])
    rivals.expire()
    winner = rivals.open()
    winner.hold(example.run("winner"))
    for request in (1, 2):
        winner.commit([Asked(request=request, appointment_id="a", at=NOON)])
    return loser, winner


def heartbeats():
    return sum(one.name == "lease" for one in threading.enumerate())


class TestTakeOver:
    def test_what_a_dead_run_left_is_there_for_the_next(self, both, example):
        _, winner = both
        assert ["a"] == [row.appointment_id for row in winner.open_rows("closure")]
        assert ["loser", "winner"] == [run.run_id for run in winner.runs("closure")]

    @pytest.mark.promise(10)
    def test_no_write_of_the_loser_is_kept_and_the_winner_writes_on(self, both, example):
        loser, winner = both
        before = list(winner.rows("closure")), winner.tally("closure"), winner.batches()
        writes = [
            lambda: loser.commit([example.settled("a")]),
            lambda: loser.commit([example.intent("b", 2)]),
            lambda: loser.decide("closure", [("c", SKIPPED)]),
            lambda: loser.reopen_refused("closure"),
            lambda: loser.enrol(example.batch(digest="2", rows=1), [example.row("z")], []),
            lambda: loser.finish(example.run("loser", ended_at=NOON, exit_code=0)),
        ]
        for write in writes:
            with pytest.raises(LedgerWriteFailed, match="another run has taken over"):
                write()
        assert before == (list(winner.rows("closure")), winner.tally("closure"), winner.batches())
        winner.commit([example.settled("a")])
        assert "cancelled" == example.standing(winner)["a"][1]

    def test_the_loser_lets_nothing_go_when_it_closes(self, both, rivals, example):
        loser, _ = both
        loser.close()
        with pytest.raises(BatchHeld, match="run winner"):
            rivals.open().hold(example.run("third"))

    def test_a_lease_that_ran_out_and_was_not_taken_still_writes(self, rivals, example):
        ledger = example.begin(rivals.open())
        rivals.expire()
        ledger.commit([example.intent("a")])
        with pytest.raises(BatchHeld):
            rivals.open().hold(example.run("run-2"))


class TestHeartbeat:
    def test_a_lease_is_renewed_while_nothing_is_written(self, rivals, example):
        ledger = rivals.open(ttl=1.5)
        ledger.hold(example.run())
        rivals.expire()
        deadline = time.monotonic() + PATIENCE_S
        while not ledger.is_held("closure"):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    @pytest.mark.parametrize("how", ["finish", "close"])
    def test_a_run_that_ended_is_not_renewed_and_another_may_follow(self, rivals, example, how):
        before = heartbeats()
        ledger = rivals.open()
        ledger.hold(example.run())
        assert before + 1 == heartbeats()
        if how == "finish":
            ledger.finish(example.run(ended_at=NOON, exit_code=0))
        ledger.close()
        assert before == heartbeats()
        rivals.open().hold(example.run("run-2"))

"""Who has a batch in a database, by its clock and by ours."""

import re
import threading
from contextlib import ExitStack, closing, nullcontext
from dataclasses import replace

import pytest

from batchcancel.clock import Stopwatch
from batchcancel.errors import BatchHeld, LedgerWriteFailed
from batchcancel.ledger.postgres import lease
from batchcancel.ledger.postgres.lease import Lease
from batchcancel.ledger.postgres.ledger import open_postgres
from tests.ledger.conftest import NOON, WHO

LONG = 3000
PATIENCE_S = 60


@pytest.fixture
def open_ledger(database):
    """Open ledgers whose leases are long, so that only a test ends them."""
    with ExitStack() as stack:

        def open_ledger(ttl=LONG):
            return stack.enter_context(closing(open_postgres(database, **WHO, ttl=ttl)))

        yield open_ledger


class TestHolding:
    def test_a_refusal_names_the_holder_and_when_its_batch_is_free(self, open_ledger, example):
        open_ledger().hold(example.run())
        with pytest.raises(BatchHeld, match=r"run run-1 on .*, pid \d+") as refusal:
            open_ledger().hold(example.run("run-2"))
        assert "free" in refusal.value.hint

    @pytest.mark.parametrize("is_known", [False, True])
    def test_of_many_that_come_at_once_for_a_batch_and_its_restore_one_has_it(
        self, open_ledger, example, is_known
    ):
        batches = ("closure", "closure.restore")
        if is_known:
            earlier = example.begin(open_ledger(), "earlier")
            earlier.finish(example.run("earlier", ended_at=NOON, exit_code=0))
        ledgers = [open_ledger() for _ in range(4)]
        at_once, ends = threading.Barrier(len(ledgers)), []

        def hold(number, ledger):
            at_once.wait(PATIENCE_S)
            try:
                ledger.hold(example.run(f"run-{number}", batch=batches[number % 2]))
                ends.append("held")
            except BatchHeld:
                ends.append("refused")

        threads = [threading.Thread(target=hold, args=one) for one in enumerate(ledgers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert ["held", *["refused"] * 3] == sorted(ends)
        assert 1 + is_known == sum(len(ledgers[0].runs(one)) for one in batches)

    def test_other_batches_are_nobodys_business(self, open_ledger, example):
        example.begin(open_ledger())
        other = type(example)(name="other")
        ledger = other.begin(open_ledger(), "run-2")
        ledger.commit([other.intent("a")])
        assert ["other", "closure"] == sorted((one.name for one in ledger.batches()), reverse=True)

    def test_batches_of_other_origins_may_be_beside_it(self, database, open_ledger, example):
        example.begin(open_ledger())
        there = {"origin": "https://other.example.test", "key": "k"}
        other = type(example)(name="other", origin=there["origin"])
        with closing(open_postgres(database, **there)) as ledger:
            other.begin(ledger, "run-2")
            assert [example.origin, there["origin"]] == [one.origin for one in ledger.batches()]

    def test_renewing_a_lease_that_was_taken_over_tells_that_nothing_may_be_sent(
        self, open_ledger, ask, example
    ):
        loser, winner = open_ledger(), open_ledger()
        example.begin(loser, "loser")
        ask("UPDATE batchcancel.leases SET expires_at = clock_timestamp()")
        winner.hold(example.run("winner"))
        loser.require_held()
        loser._lease.renew(loser._side)
        with pytest.raises(LedgerWriteFailed, match="another run has taken over"):
            loser.require_held()
        winner.require_held()


@pytest.mark.promise(10)
def test_a_token_that_a_server_gives_twice_lets_nobody_write_on_anothers_batch(
    open_ledger, ask, example
):
    """As one that took over without the last commits, and counts on from where it was."""
    loser = example.begin(open_ledger())
    ask("UPDATE batchcancel.leases SET session = gen_random_uuid()")
    with pytest.raises(LedgerWriteFailed, match="another run has taken over"):
        loser.commit([example.intent("a")])
    loser._lease.renew(loser._side)
    with pytest.raises(LedgerWriteFailed, match="another run has taken over"):
        loser.require_held()


@pytest.mark.promise(7)
@pytest.mark.parametrize(("by", "is_right"), [(29.0, True), (31.0, False), (-31.0, False)])
def test_a_database_whose_clock_is_set_during_a_run_ends_it(open_ledger, example, by, is_right):
    ledger = open_ledger()
    ledger.hold(example.run())
    ledger._renew()
    boot = ledger._lease._boot
    ledger._lease._boot = replace(boot, seconds=lambda: boot.seconds() - by)
    ledger._renew()
    ends = pytest.raises(LedgerWriteFailed, match=re.escape(f"set by {by:+.0f} s"))
    with nullcontext() if is_right else ends:
        ledger.require_held()


class TestOurOwnClocks:
    def lease(self, clocks):
        return Lease(batch="closure", token=1, ttl=30, taken=Stopwatch(clocks), session=None)

    def test_a_lease_is_ours_until_it_runs_out(self):
        now = [0.0, 1000.0]
        lease = self.lease(lambda: tuple(now))
        now[0] = 29.0
        lease.require()
        now[0] = 30.0
        with pytest.raises(LedgerWriteFailed, match="another run may have taken"):
            lease.require()

    def test_a_machine_that_slept_knows_it_by_the_other_clock(self):
        now = [0.0, 1000.0]
        lease = self.lease(lambda: tuple(now))
        now[1] += 3600.0
        with pytest.raises(LedgerWriteFailed, match="3600 s"):
            lease.require()

    def test_work_that_lasts_longer_than_a_lease_ends_with_a_whole_one(
        self, open_ledger, example, monkeypatch
    ):
        now = [0.0]
        monkeypatch.setattr(lease, "Stopwatch", lambda: Stopwatch(lambda: tuple(now)))

        def rows():
            yield from example.rows()
            now[0] += 2 * LONG

        ledger = open_ledger()
        ledger.hold(example.run())
        ledger.enrol(example.batch(), rows(), [])
        ledger.require_held()

    def test_without_a_run_there_is_nothing_to_lose(self, open_ledger):
        open_ledger().require_held()

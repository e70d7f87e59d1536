"""A connection cut before, during and after COMMIT: what is written is written exactly once."""

from contextlib import closing

import pytest
from psycopg.conninfo import conninfo_to_dict

from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import Answered, Asked, OpenRow
from batchcancel.ledger.postgres.ledger import open_postgres
from tests.ledger.conftest import NOON, SKIPPED, WHO
from tests.proxy import Cut, proxying

CUTS = pytest.mark.parametrize("cut", Cut)


@pytest.fixture
def proxy(postgres):
    with proxying(postgres.socket) as proxy:
        yield proxy
        assert proxy.cuts == 1


@pytest.fixture
def ledger(proxy, database):
    url = proxy.url(conninfo_to_dict(database)["dbname"])
    with closing(open_postgres(url, **WHO, ttl=3000)) as ledger:
        yield ledger


@pytest.fixture
def begun(ledger, example):
    return example.begin(ledger)


@CUTS
def test_an_intent_is_there_once(begun, proxy, example, ask, cut):
    proxy.arm(cut, marker=b"INTO requests")
    before = ask("SELECT commits FROM batchcancel.leases")[0][0]
    begun.commit([example.intent("a")])

    assert [OpenRow("a", 1, NOON)] == begun.open_rows("closure")
    assert [(1,)] == ask("SELECT count(*) FROM batchcancel.requests")
    assert [(before + 1,)] == ask("SELECT commits FROM batchcancel.leases")


@CUTS
def test_an_outcome_that_may_be_written_only_once_is_written_once(begun, proxy, example, cut):
    begun.commit([example.intent("a")])
    proxy.arm(cut, marker=b"settled_at = $")
    begun.commit([example.settled("a")])
    begun.commit([example.intent("b", 2)])

    assert "cancelled" == example.standing(begun)["a"][1]
    with pytest.raises(LedgerWriteFailed, match="its state does not allow it"):
        begun.commit([example.settled("a")])


@CUTS
def test_a_batch_is_held_once(ledger, proxy, example, cut):
    proxy.arm(cut, marker=b"INTO runs")
    example.begin(ledger)
    ledger.commit([example.intent("a")])

    assert [example.run()] == ledger.runs("closure")


@CUTS
def test_a_run_ends_once_and_lets_go_of_its_batch(begun, proxy, example, cut):
    proxy.arm(cut, marker=b"ended_at")
    ended = example.run(ended_at=NOON, exit_code=0)
    begun.finish(ended)

    assert [ended] == begun.runs("closure")
    begun.hold(example.run("run-2"))


def test_an_enrolment_whose_commit_was_lost_but_done_is_done(ledger, proxy, example):
    ledger.hold(example.run())
    proxy.arm(Cut.AFTER, marker=b"INTO rows")
    ledger.enrol(example.batch(), example.rows(), [])

    assert [example.batch()] == ledger.batches()
    ledger.commit([example.intent("a")])


def test_an_enrolment_that_was_cut_off_leaves_nothing_and_says_so(ledger, proxy, example):
    ledger.hold(example.run())
    proxy.arm(Cut.BEFORE, marker=b"INTO rows")
    with pytest.raises(LedgerWriteFailed, match="nothing of it was kept"):
        ledger.enrol(example.batch(), iter(example.rows()), [])

    assert [] == ledger.batches()
    ledger.enrol(example.batch(), example.rows(), [])
    assert 3 == len(list(ledger.rows("closure")))


def test_a_policy_whose_decisions_were_cut_off_decided_nothing(begun, proxy, example):
    proxy.arm(Cut.BEFORE, marker=b"loaded.outcome")
    with pytest.raises(LedgerWriteFailed):
        begun.decide("closure", iter([("a", SKIPPED)]))

    assert {"waiting"} == {row.state for row in begun.rows("closure")}


@CUTS
def test_a_plan_which_holds_nothing_notes_its_requests_once(ledger, proxy, ask, cut):
    proxy.arm(cut, marker=b"INTO requests")
    ledger.commit([Asked(request=1, appointment_id=None, at=NOON)])
    ledger.commit([Answered(request=1, at=NOON, result="200")])

    assert [("200",)] == ask("SELECT result FROM batchcancel.requests")


def test_a_group_that_was_refused_is_refused_after_a_cut_too(begun, proxy, example):
    begun.commit([example.intent("a")])
    proxy.arm(Cut.BEFORE, marker=b"INTO requests")
    with pytest.raises(LedgerWriteFailed, match="not a row of the batch"):
        begun.commit([example.intent("b", 2), example.intent("nobody", 3)])
    begun.commit([example.intent("c", 4)])

    assert ["a", "c"] == [row.appointment_id for row in begun.open_rows("closure")]


def test_a_batch_taken_over_before_the_line_was_mended_is_lost(begun, proxy, example, ask):
    proxy.then = lambda: ask(
        "UPDATE batchcancel.leases SET token = token + 1, commits = commits + 1"
    )
    proxy.arm(Cut.BEFORE, marker=b"INTO requests")
    with pytest.raises(LedgerWriteFailed, match="another run has taken over"):
        begun.commit([example.intent("a")])

    assert [] == begun.open_rows("closure")

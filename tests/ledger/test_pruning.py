"""What may be forgotten of a ledger, and what never is."""

from contextlib import closing
from datetime import timedelta

import pytest

from batchcancel.appointments import OutcomeName
from batchcancel.ledger.contract import Asked, Look
from batchcancel.ledger.postgres.ledger import open_postgres
from batchcancel.ledger.pruning import Standing, finished
from tests.ledger.conftest import NOON, WHO

LATER = NOON + timedelta(days=1)


def standing(batch, ended_at=NOON, undone=0, family=None):
    return Standing(batch, family or batch, ended_at, 3, undone)


@pytest.mark.parametrize(
    ("standings", "gone"),
    [
        ([standing("a")], ["a"]),
        ([standing("a", ended_at=LATER)], []),
        ([standing("a", ended_at=None)], []),
        ([standing("a", undone=1)], []),
        ([standing("a"), standing("b", undone=1)], ["a"]),
        ([standing("a"), standing("a.restore", family="a")], ["a", "a.restore"]),
        ([standing("a"), standing("a.restore", family="a", undone=1)], []),
        ([standing("a", undone=1), standing("a.restore", family="a")], []),
        ([standing("a"), standing("a.restore", LATER, family="a")], []),
    ],
)
def test_a_batch_goes_with_its_restore_when_nothing_is_left_to_do(standings, gone):
    assert gone == [one.batch for one in finished(standings, before=LATER)]


@pytest.fixture
def settle(example):
    """A run of a batch of two rows, in which the second ends by these entries."""

    def settle(ledger, name, *entries, ended=True):
        one = type(example)(name=name, ids=("a", "b"))
        one.begin(ledger, f"run of {name}")
        asked = Asked(request=9, appointment_id=None, at=NOON)
        ledger.commit([one.intent("a"), one.settled("a"), asked, *entries])
        ledger.note(name, Look("plan", NOON, {}))
        if ended:
            ledger.finish(one.run(f"run of {name}", ended_at=NOON, exit_code=0))
        return one

    return settle


def test_what_is_finished_goes_with_its_runs_and_requests_and_nothing_else_does(
    store, settle, example
):
    ledger = store.open()
    undone = {
        "waiting": (),
        "open": (example.intent("b", 2),),
        "review": (example.intent("b", 2), example.settled("b", OutcomeName.NEEDS_REVIEW, "x")),
    }
    for name, entries in undone.items():
        settle(ledger, name, *entries)
    for name in ("done", "other"):
        settle(ledger, name, example.intent("b", 2), example.settled("b"))
    names = [one.batch for one in ledger.finished(LATER)]
    gone = ledger.prune(["done", *undone], before=LATER)

    assert ["done", "other"] == names
    counts = {"batches": 1, "rows": 2, "runs": 1, "requests": 3, "looks": 1}
    assert counts == {what: many for what, many in gone.items() if many}
    assert [*undone, "other"] == [one.name for one in ledger.batches()]
    assert [] == [*ledger.traffic("done"), *ledger.rows("done"), *ledger.runs("done")]
    assert 3 == len(list(ledger.traffic("other")))
    assert [] == ledger.finished(NOON)


def test_rows_that_are_skipped_in_doubt_are_never_forgotten(store, settle, example):
    ledger = store.open()
    settle(ledger, "closure", example.intent("b", 2))
    ledger.hold(example.run("again"))
    ledger.commit([example.settled("b", OutcomeName.SKIPPED, "moved")])
    ledger.finish(example.run("again", ended_at=NOON, exit_code=0))
    assert {0} == set(ledger.prune(["closure"], before=LATER).values())


def test_a_batch_that_went_may_be_run_anew(store, settle, example):
    ledger = store.open()
    settle(ledger, "closure", example.intent("b", 2), example.settled("b"))
    ledger.prune(["closure"], before=LATER)
    settle(ledger, "closure", ended=False)
    assert ledger.went_back is None


def test_a_batch_that_stays_is_the_one_it_was(store, settle, example):
    ledger = store.open()
    settle(ledger, "closure", example.intent("b", 2))
    assert 0 == ledger.prune(["closure"], before=LATER)["batches"]
    ledger.hold(example.run("again"))
    assert ledger.went_back is None


def test_a_batch_that_is_taken_meanwhile_stays(database, settle, example):
    ledgers = [closing(open_postgres(database, **WHO)) for _ in range(2)]
    with ledgers[0] as one, ledgers[1] as two:
        settle(one, "closure", example.intent("b", 2), example.settled("b"), ended=False)
        assert 0 == two.prune(["closure"], before=LATER)["batches"]
        one.require_held()
        one.commit([Asked(request=10, appointment_id=None, at=NOON)])

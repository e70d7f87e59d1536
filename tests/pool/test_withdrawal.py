"""Between the commit of an intent and its PATCH: what still keeps it from leaving, and what is
written then.
"""

from datetime import timedelta

import anyio
import pytest

from batchcancel.api import Answer, Meaning
from batchcancel.appointments import Cancel, Skip, SkipReason
from batchcancel.errors import (
    BatchcancelError,
    CreditsSpent,
    FatalAnswer,
    Interrupted,
    KeyRejected,
    LedgerWriteFailed,
    ScopeMissing,
    StoppedEarly,
)
from batchcancel.ledger.contract import Intent, Withdrawn
from batchcancel.pool.exchange import Ended
from batchcancel.stop import Stopped, background
from batchcancel.writer import Writer
from tests.pool.test_exchange import NOW, PATCH, READ, Parts, busy, unknown

pytestmark = pytest.mark.anyio
TOO_LATE = Skip(SkipReason.NOTICE_WINDOW)


def answered(meaning):
    return Answer(meaning=meaning, code="CODE")


def withdrawals(parts):
    return [one for one in parts.entries if isinstance(one, Withdrawn)]


@pytest.mark.promise(6)
async def test_what_is_allowed_before_the_commit_and_not_after_it_is_not_sent_and_withdrawn():
    parts = Parts()
    parts.decisions = iter([Cancel(), TOO_LATE])
    with pytest.raises(Ended) as ended:
        await parts.exchange()
    assert TOO_LATE.reason == ended.value.outcome.reason
    assert ["intent", "slot 7 unused", "answered", "withdrawn"] == parts.told


async def test_what_is_not_allowed_before_the_commit_costs_no_commit():
    parts = Parts()
    parts.decisions = iter([TOO_LATE])
    with pytest.raises(Ended):
        await parts.exchange()
    assert ["slot 7 unused"] == parts.told


@pytest.mark.promise(6)
async def test_the_decision_comes_after_whether_the_batch_is_held_for_that_may_have_to_write():
    parts = Parts(require_held=lambda: parts.told.append("held"))

    def decide(_now):
        parts.told.append("decided")
        return Cancel()

    parts.decide = decide
    await parts.exchange()
    last = ["held", "decided", "sent"]
    assert ["decided", "intent", *last] == parts.told[: parts.told.index("sent") + 1]


@pytest.mark.parametrize("is_in_doubt", [False, True])
async def test_a_withdrawal_tells_that_nothing_was_sent_and_whether_a_doubt_is_older(is_in_doubt):
    parts = Parts(is_good=lambda: False)
    parts.is_in_doubt = is_in_doubt
    with pytest.raises(StoppedEarly):
        await parts.exchange()
    expected = Withdrawn(appointment_id="a1", is_sent=False, was_in_doubt=is_in_doubt)
    assert [expected] == withdrawals(parts)


async def test_a_withdrawn_intent_takes_none_of_the_allowed_requests():
    parts = Parts(most=1)
    parts.decisions = iter([Cancel(), TOO_LATE])

    async def twice(exchange):
        with pytest.raises(Ended):
            await parts.one(exchange)
        await parts.one(exchange)

    await parts.exchange_with(twice, times=1, then=lambda: None)
    assert 1 == parts.told.count("sent")


async def test_where_the_ledger_takes_no_withdrawal_the_reason_is_told_all_the_same():
    parts = Parts()

    def lost():
        parts.commit = refuse
        raise LedgerWriteFailed("another run may have taken it")

    def refuse(_entries):
        raise LedgerWriteFailed("it is another run's now")

    async def commit(_write, entries):
        parts.commit(entries)

    writer = Writer(parts.commit, offload=commit)
    parts.require_held = lost
    exchange = parts._exchange(writer)
    async with background(writer.serve):
        with pytest.raises(LedgerWriteFailed, match="may have taken it"):
            await parts.one(exchange)
    assert [] == withdrawals(parts)


async def _inline(commit, entries):
    commit(entries)


async def test_an_intent_whose_commit_outlasts_the_drain_is_withdrawn():
    parts = Parts()

    async def slow(commit, entries):
        await anyio.sleep(10)
        commit(entries)

    writer = Writer(parts.commit, offload=slow)
    exchange = parts._exchange(writer)
    async with background(writer.serve):
        with anyio.move_on_after(3):
            await parts.one(exchange)
        await writer.durable()
    assert ["slot 7 unused", "intent", "answered", "withdrawn"] == parts.told


@pytest.mark.parametrize("meaning", [Meaning.BUSY, Meaning.ABSENT, Meaning.REFUSED])
@pytest.mark.parametrize("is_in_doubt", [False, True])
async def test_what_is_turned_away_leaves_no_doubt_from_the_commit_of_its_answer_on(
    meaning, is_in_doubt
):
    parts = Parts(answer=answered(meaning))
    parts.is_in_doubt = is_in_doubt
    groups = []
    commit = parts.commit
    parts.commit = lambda entries: (groups.append([type(one) for one in entries]), commit(entries))
    await parts.exchange()
    expected = Withdrawn(appointment_id="a1", is_sent=True, was_in_doubt=is_in_doubt)
    assert [expected] == withdrawals(parts)
    assert Withdrawn in groups[-1]
    assert 2 == len(groups)


@pytest.mark.promise(3)
@pytest.mark.parametrize("meaning", [Meaning.UNKNOWN, Meaning.PROVED])
async def test_whatever_may_have_been_applied_stays_in_doubt_until_its_outcome(meaning):
    parts = Parts(answer=answered(meaning))
    await parts.exchange()
    assert [] == withdrawals(parts)


class Raising(Parts):
    """The API's answer is one that stops the run."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    async def send(self, request):
        await super().send(request)
        raise self.error


@pytest.mark.parametrize(
    ("error", "is_withdrawn"),
    [
        (KeyRejected("401"), True),
        (ScopeMissing("appointments:write"), True),
        (CreditsSpent("402"), True),
        (FatalAnswer("a redirect"), False),
        (StoppedEarly("?"), False),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_an_answer_that_stops_the_run_leaves_a_doubt_unless_it_says_that_nothing_was_done(
    error, is_withdrawn
):
    parts = Raising(error)
    with pytest.raises(BatchcancelError):
        await parts.exchange()
    assert is_withdrawn == bool(withdrawals(parts))
    assert "slot 7 used" in parts.told


@pytest.mark.promise(8)
async def test_a_429_that_stops_the_run_leaves_no_doubt():
    parts = Parts(answer=busy(301))
    with pytest.raises(StoppedEarly):
        await parts.exchange()
    assert 1 == len(withdrawals(parts))


async def test_trouble_that_asks_for_too_much_patience_leaves_a_doubt():
    parts = Parts(answer=unknown(301))
    with pytest.raises(StoppedEarly):
        await parts.exchange()
    assert [] == withdrawals(parts)


@pytest.mark.promise(3)
async def test_an_intent_is_dated_by_the_earliest_second_it_could_be_at_the_server():
    parts = Parts()
    await parts.exchange()
    [intent] = [one for one in parts.entries if isinstance(one, Intent)]
    assert (NOW, NOW - timedelta(seconds=2)) == (intent.at, intent.opened_at)


async def test_a_patch_tells_when_it_was_intended_and_a_read_writes_no_intent():
    parts = Parts()
    writer = Writer(parts.commit, offload=_inline)
    exchange = parts._exchange(writer)
    async with background(writer.serve):
        _, opened_at = await parts.one(exchange)
        await parts.one(exchange, READ)
    assert NOW - timedelta(seconds=2) == opened_at
    assert 1 == parts.told.count("intent")


async def test_a_patch_cannot_be_sent_as_if_it_were_a_read():
    parts = Parts()
    exchange = parts._exchange(Writer(parts.commit))
    with pytest.raises(ValueError, match="needs an intent"):
        await exchange.send(PATCH)
    assert [] == parts.told


async def test_a_stop_that_comes_while_the_intent_is_written_leaves_no_doubt():
    class StoppedMeanwhile(Parts):
        def commit(self, entries):
            super().commit(entries)
            self.stop.ask(Interrupted(15))

    parts = StoppedMeanwhile()
    with pytest.raises(Stopped):
        await parts.exchange()
    assert [False] == [one.is_sent for one in withdrawals(parts)]

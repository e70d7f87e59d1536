"""One appointment between its attempts: what is read, what is sent, and what follows."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import anyio
import pytest

from batchcancel.api import Answer, Ask, Meaning, Record
from batchcancel.appointments import (
    Appointment,
    Outcome,
    OutcomeName,
    Said,
    Skip,
    Start,
)
from batchcancel.errors import ScopeMissing
from batchcancel.huskyvoice.retry import backoff
from batchcancel.ledger.contract import Learned
from batchcancel.policy.fresh import Word
from batchcancel.policy.notice import NoticePolicy
from batchcancel.pool.cancel import Cancellation, Means
from batchcancel.pool.exchange import Ended

pytestmark = pytest.mark.anyio
BEGIN = datetime(2026, 6, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
START = Start.exact(BEGIN + 48 * HOUR)


def answer(meaning, code="CODE", **answered):
    return Answer(meaning=meaning, code=code, **answered)


def record(status, *, at=BEGIN - HOUR):
    one = Record(appointment_id="a1", status=status, updated_at=at)
    return answer(Meaning.PROVED, "200", record=one)


def moved(status):
    at = BEGIN + HOUR if status == "cancelled" else BEGIN - HOUR
    one = Record(appointment_id="a1", status=status, updated_at=at, date=date(2026, 6, 2))
    return answer(Meaning.PROVED, "200", record=one)


LOST = answer(Meaning.UNKNOWN, "time_out")
BUSY = answer(Meaning.BUSY, "429")
DONE = record("cancelled", at=BEGIN + HOUR)
ALIVE = record("confirmed")
TOUCHED = record("confirmed", at=BEGIN + SECOND)


class Pages:
    """Pages that are read for other rows while this one waits for the permit of a later PATCH."""

    def __init__(self, shown=None, *, was_cancelled=False, before=0):
        self.shown = shown and Word(1, shown.record, was_cancelled)
        self.before = before
        self.word = None

    def turn(self, number):
        self.word = self.shown if number >= self.before else None

    async def must_read(self, _appointment):
        return False

    def last_word(self, _appointment_id):
        return self.word

    def observation(self, one):
        return one


class Scene:
    """An exchange that gives answers in their order, and the appointment before it."""

    def __init__(self, *answers, attempts=3, late_after=None, pages=None, **known):
        known = {"appointment_id": "a1", "start": START} | known
        self.answers = iter(answers)
        self.late_after = late_after
        self.told, self.writes, self.entries = [], [], []
        self.means = Means(
            exchange=self,
            retry=backoff(attempts=attempts, random=Random(1), sleep=anyio.sleep),
            policy=NoticePolicy(notice=HOUR),
            starts=self,
            writer=self,
            fresh=pages or Pages(),
        )
        self.cancellation = Cancellation(Appointment(**known), self.means)

    async def of_record(self, _record):
        return START

    def enqueue(self, *entries):
        self.entries += entries

    async def send(self, request):
        assert request.ask is Ask.READ
        return self._next("read")

    async def write(self, request, write):
        assert request.ask is Ask.CANCEL
        self.means.fresh.turn(len(self.writes))
        is_late = self.late_after is not None and len(self.writes) >= self.late_after
        decision = write.decide(BEGIN + (48 * HOUR if is_late else timedelta(0)))
        if isinstance(decision, Skip):
            raise Ended(Outcome(OutcomeName.SKIPPED, decision.reason))
        self.writes.append(write)
        opened_at = BEGIN + timedelta(seconds=len(self.writes) - 1)
        return self._next("patch"), opened_at

    def _next(self, what):
        self.told.append(what)
        found = next(self.answers, None)
        assert found is not None, f"nothing more was to be sent, and there was a {what}"
        if isinstance(found, Exception):
            raise found
        return found

    async def ends(self):
        outcome = await self.cancellation.outcome()
        assert [] == list(self.answers)
        return outcome


CANCELLED = Outcome(OutcomeName.CANCELLED)
REVIEW = Outcome(OutcomeName.NEEDS_REVIEW, "changed_after_intent")


def gave_up(reason="CODE"):
    return Outcome(OutcomeName.GAVE_UP, reason)


async def test_what_is_not_in_doubt_is_sent_without_a_read():
    scene = Scene(DONE)
    assert CANCELLED == await scene.ends()
    assert ["patch"] == scene.told


@pytest.mark.promise(3)
async def test_a_row_in_doubt_is_read_before_each_further_patch():
    scene = Scene(LOST, ALIVE, LOST, ALIVE, DONE)
    assert CANCELLED == await scene.ends()
    assert ["patch", "read", "patch", "read", "patch"] == scene.told


@pytest.mark.promise(3)
async def test_a_lost_reply_is_found_by_the_read_and_nothing_more_is_sent():
    scene = Scene(LOST, DONE)
    assert CANCELLED == await scene.ends()
    assert ["patch", "read"] == scene.told


@pytest.mark.promise(3)
async def test_what_staff_touched_after_a_lost_reply_is_left_to_a_person():
    scene = Scene(LOST, TOUCHED)
    assert REVIEW == await scene.ends()
    assert ["patch", "read"] == scene.told


async def test_a_doubt_of_an_earlier_run_is_read_before_the_first_patch_and_once_only():
    scene = Scene(ALIVE, DONE, opened_at=BEGIN - SECOND, attempts=1)
    assert CANCELLED == await scene.ends()
    assert ["read", "patch"] == scene.told


async def test_reads_cost_no_attempt():
    scene = Scene(LOST, LOST, LOST, ALIVE, LOST, LOST, ALIVE, LOST, attempts=3)
    assert gave_up("time_out") == await scene.ends()
    assert [1, 2, 3] == [write.attempt for write in scene.writes]


async def test_a_read_back_that_fails_for_good_gives_the_row_up_in_doubt():
    scene = Scene(LOST, *[answer(Meaning.UNKNOWN, "503")] * 3, attempts=3)
    assert gave_up("503") == await scene.ends()
    assert ["patch", *["read"] * 3] == scene.told


@pytest.mark.promise(3)
@pytest.mark.parametrize("meaning", [Meaning.ABSENT, Meaning.REFUSED])
async def test_no_no_to_a_read_or_a_patch_ends_a_doubt(meaning):
    no = answer(meaning)
    assert gave_up() == await Scene(LOST, no).ends()
    assert gave_up() == await Scene(LOST, ALIVE, no).ends()
    assert gave_up() == await Scene(no, opened_at=BEGIN).ends()
    assert gave_up() == await Scene(ALIVE, no, opened_at=BEGIN).ends()


async def test_what_a_429_turned_away_is_no_doubt_and_is_sent_again_without_a_read():
    scene = Scene(BUSY, BUSY, DONE)
    assert CANCELLED == await scene.ends()
    assert ["patch"] * 3 == scene.told
    assert [False] * 3 == [write.is_in_doubt for write in scene.writes]


async def test_a_429_in_the_middle_ends_no_older_doubt_so_the_row_is_read_again():
    scene = Scene(LOST, ALIVE, BUSY, ALIVE, DONE)
    assert CANCELLED == await scene.ends()
    assert ["patch", "read", "patch", "read", "patch"] == scene.told
    assert [False, True, True] == [write.is_in_doubt for write in scene.writes]


async def test_what_was_changed_between_a_429_and_our_next_attempt_was_not_ours():
    scene = Scene(BUSY, record("cancelled", at=BEGIN + SECOND / 2))
    assert Outcome(OutcomeName.ALREADY_CANCELLED) == await scene.ends()


async def test_what_is_applied_late_between_a_read_and_the_next_attempt_was_ours():
    scene = Scene(LOST, ALIVE, record("cancelled", at=BEGIN + SECOND / 2))
    assert CANCELLED == await scene.ends()


async def test_a_deadline_that_passes_before_the_first_attempt_skips_the_row():
    assert Outcome(OutcomeName.SKIPPED, "notice_window") == await Scene(late_after=0).ends()


@pytest.mark.promise(3)
async def test_a_deadline_that_passes_while_the_row_is_in_doubt_settles_nothing():
    scene = Scene(LOST, ALIVE, late_after=1)
    assert gave_up("notice_window") == await scene.ends()


async def test_a_doubt_of_an_earlier_run_that_is_read_alive_ends_with_its_deadline():
    scene = Scene(ALIVE, opened_at=BEGIN, late_after=0)
    assert Outcome(OutcomeName.SKIPPED, "notice_window") == await scene.ends()


async def test_attempts_are_numbered_on_from_those_of_earlier_runs():
    scene = Scene(DONE)
    known = Appointment(appointment_id="a1", start=START, opened_at=BEGIN, attempts=3)
    scene.cancellation = Cancellation(known, scene.means)
    scene.answers = iter([ALIVE, DONE])
    await scene.ends()
    assert [4] == [write.attempt for write in scene.writes]


async def test_an_unknown_start_is_learned_by_one_read_and_told():
    scene = Scene(ALIVE, DONE, start=None)
    assert CANCELLED == await scene.ends()
    learned = Learned(appointment_id="a1", starts_at=START.earliest, known_by=START.known_by)
    assert [ALIVE.record, learned] == scene.entries


SEEN = Said(date(2026, 6, 20), "Morning")


@pytest.mark.promise(6)
async def test_what_a_read_shows_elsewhere_than_it_was_seen_is_left_to_the_next_run():
    scene = Scene(moved("confirmed"), is_missed=True, seen=SEEN, start=None)
    assert Outcome(OutcomeName.SKIPPED, "moved") == await scene.ends()


@pytest.mark.promise(6)
async def test_what_staff_moved_between_the_page_and_the_patch_is_for_a_person():
    scene = Scene(moved("cancelled"), seen=SEEN)
    assert Outcome(OutcomeName.NEEDS_REVIEW, "moved") == await scene.ends()


@pytest.mark.promise(19)
@pytest.mark.parametrize(
    ("shown", "was_cancelled", "outcome"),
    [
        (ALIVE, False, CANCELLED),
        (ALIVE, True, Outcome(OutcomeName.NEEDS_REVIEW, "alive_again")),
        (record("cancelled"), True, Outcome(OutcomeName.ALREADY_CANCELLED)),
        (record("completed"), False, Outcome(OutcomeName.SKIPPED, "completed")),
        (record("no_show"), False, Outcome(OutcomeName.SKIPPED, "unknown_status")),
        (moved("confirmed"), False, Outcome(OutcomeName.SKIPPED, "moved")),
    ],
)
async def test_what_a_page_shows_while_a_row_waits_for_its_permit_has_the_last_word(
    shown, was_cancelled, outcome
):
    pages = Pages(shown, was_cancelled=was_cancelled, before=0)
    is_sent = outcome is CANCELLED
    scene = Scene(*([DONE] if is_sent else []), pages=pages, seen=SEEN)
    assert outcome == await scene.ends()
    assert (["patch"] if is_sent else []) == scene.told
    assert [shown.record] == scene.entries


@pytest.mark.promise(3)
@pytest.mark.parametrize(("shown", "outcome"), [(DONE, CANCELLED), (TOUCHED, REVIEW)])
async def test_a_page_tells_of_a_row_in_doubt_what_a_read_would(shown, outcome):
    scene = Scene(LOST, ALIVE, pages=Pages(shown, was_cancelled=False, before=1))
    assert outcome == await scene.ends()
    assert ["patch", "read"] == scene.told


MISSING = ScopeMissing("appointments:read")


async def test_a_doubt_that_the_key_may_not_read_stays_and_nothing_more_is_sent():
    scene = Scene(LOST, MISSING)
    assert gave_up("INSUFFICIENT_SCOPE") == await scene.ends()
    assert MISSING is scene.cancellation.unread


async def test_a_start_that_the_key_may_not_read_is_the_runs_trouble():
    with pytest.raises(ScopeMissing):
        await Scene(MISSING, start=None).ends()


@pytest.mark.parametrize(
    ("answers", "has_record"),
    [((DONE,), True), ((LOST, TOUCHED), True), ((LOST, LOST, LOST, LOST), False),
     ((answer(Meaning.ABSENT),), False)],
)  # fmt: skip
async def test_it_is_told_whether_the_api_has_shown_the_record(answers, has_record):
    scene = Scene(*answers)
    await scene.ends()
    assert has_record == scene.cancellation.has_record

"""How old a doubt may grow, and how the time since the first attempt is told."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from batchcancel.api import Answer, Meaning
from batchcancel.appointments import Appointment, Cancel, Skip, Start
from batchcancel.policy.notice import NoticePolicy
from batchcancel.pool.cancel import Attempts, DoubtTooOld

pytestmark = pytest.mark.anyio
BEGIN = datetime(2026, 6, 1, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Scene:
    """Attempts on one appointment, with a wall clock that can be set and answers as told."""

    def __init__(self, **known):
        known = {"appointment_id": "a1", "start": Start.exact(BEGIN + 48 * HOUR)} | known
        self.set_by = timedelta(0)
        self.meaning = Meaning.UNKNOWN
        self.sent = []
        self.attempts = Attempts(
            Appointment(**known), exchange=self, policy=NoticePolicy(notice=HOUR), now=self.now
        )

    def now(self):
        return BEGIN + timedelta(seconds=anyio.current_time()) + self.set_by

    async def send(self, _request, *, attempt, decide):
        decision = decide(self.now())
        if isinstance(decision, Cancel):
            self.sent.append(attempt)
        self.decision = decision
        return Answer(meaning=self.meaning, code="?")

    async def attempt_after(self, seconds):
        """Let time pass, then try; false where the doubt had grown too old."""
        await anyio.sleep(seconds)
        try:
            await self.attempts()
        except DoubtTooOld:
            return False
        return True


async def test_a_doubt_of_two_minutes_may_be_followed_by_another_attempt():
    scene = Scene()
    assert [True, True] == [await scene.attempt_after(seconds) for seconds in (0, 120)]
    assert [1, 2] == scene.sent


@pytest.mark.promise(3)
async def test_a_doubt_of_more_than_two_minutes_is_read_back_before_anything_is_sent():
    scene = Scene()
    assert [True, False] == [await scene.attempt_after(seconds) for seconds in (0, 121)]
    assert [1] == scene.sent


@pytest.mark.promise(3)
async def test_a_doubt_is_as_old_as_its_first_attempt():
    scene = Scene()
    assert [True, True, False] == [await scene.attempt_after(seconds) for seconds in (0, 70, 70)]


async def test_a_clock_that_is_set_back_makes_no_doubt_younger():
    scene = Scene()
    await scene.attempt_after(0)
    scene.set_by = -HOUR
    assert not await scene.attempt_after(121)


async def test_what_was_turned_away_leaves_no_doubt_however_long_it_takes():
    scene = Scene()
    scene.meaning = Meaning.BUSY
    assert [True, True] == [await scene.attempt_after(seconds) for seconds in (0, 3000)]
    assert timedelta(0) == scene.attempts.age()


async def test_attempts_are_numbered_on_from_those_of_earlier_runs():
    scene = Scene(opened_at=BEGIN - HOUR, attempts=3)
    await scene.attempt_after(0)
    assert [4] == scene.sent


async def test_the_policy_is_asked_anew_at_every_attempt():
    scene = Scene(start=Start.exact(BEGIN + HOUR + timedelta(seconds=30)))
    await scene.attempt_after(0)
    await scene.attempt_after(31)
    assert [1] == scene.sent
    assert Skip("notice_window") == scene.decision


async def test_the_age_counts_from_the_oldest_attempt_that_is_in_doubt():
    scene = Scene()
    await scene.attempt_after(10)
    await scene.attempt_after(50)
    assert timedelta(seconds=50) == scene.attempts.age()


@pytest.mark.promise(3)
async def test_the_age_counts_from_the_intent_of_an_earlier_run():
    scene = Scene(opened_at=BEGIN - HOUR, attempts=1)
    await scene.attempt_after(10)
    assert HOUR + timedelta(seconds=10) == scene.attempts.age()


@pytest.mark.promise(3)
async def test_an_intent_that_seems_to_lie_ahead_makes_no_age_younger_than_this_runs_attempt():
    scene = Scene(opened_at=BEGIN + HOUR, attempts=1)
    await scene.attempt_after(0)
    await anyio.sleep(7)
    assert timedelta(seconds=7) == scene.attempts.age()


async def test_before_the_first_attempt_there_is_no_age():
    assert timedelta(0) == Scene().attempts.age()

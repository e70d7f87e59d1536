"""Which answers are tried again, how often, and after how long."""

from random import Random

import anyio
import pytest

from batchcancel.api import Answer, Meaning
from batchcancel.huskyvoice import retry

pytestmark = pytest.mark.anyio

UNKNOWN = Answer(meaning=Meaning.UNKNOWN, code="500")
BUSY = Answer(meaning=Meaning.BUSY, code="429")
DONE = Answer(meaning=Meaning.PROVED, code="200")


class Script:
    """Answers in turn; remembers when it was asked."""

    def __init__(self, *answers):
        self._answers = iter(answers)
        self.asked_at = []

    async def __call__(self):
        self.asked_at.append(anyio.current_time())
        return next(self._answers)


def backoff(*, attempts=5, seed=1):
    return retry.backoff(attempts=attempts, random=Random(seed), sleep=anyio.sleep)


@pytest.mark.parametrize("meaning", [Meaning.PROVED, Meaning.ABSENT, Meaning.REFUSED])
async def test_an_answer_that_settles_is_not_tried_again(meaning):
    script = Script(Answer(meaning=meaning, code="x"))
    assert meaning is (await backoff()(script)).meaning
    assert 1 == len(script.asked_at)


@pytest.mark.parametrize("first", [UNKNOWN, BUSY])
async def test_busy_and_unknown_answers_are_tried_again(first):
    script = Script(first, DONE)
    assert DONE == await backoff()(script)


async def test_after_the_last_attempt_its_answer_comes_back():
    script = Script(*[UNKNOWN] * 4)
    assert UNKNOWN == await backoff(attempts=4)(script)
    assert 4 == len(script.asked_at)


async def test_what_the_rate_limit_turns_away_costs_no_attempt():
    script = Script(BUSY, UNKNOWN, *[BUSY] * 9, UNKNOWN, DONE)
    assert UNKNOWN == await backoff(attempts=2)(script)
    assert 12 == len(script.asked_at)


async def test_what_the_rate_limit_turns_away_makes_no_later_wait_longer():
    script = Script(*[BUSY] * 9, UNKNOWN, DONE)
    await backoff()(script)
    assert script.asked_at[9] == 0.0
    assert 0.0 < script.asked_at[10] <= 2.0


async def test_waits_are_anything_up_to_a_bound_that_doubles():
    script = Script(*[UNKNOWN] * 9)
    await backoff(attempts=9)(script)
    waits = [
        later - earlier
        for earlier, later in zip(script.asked_at[:-1], script.asked_at[1:], strict=True)
    ]
    bounds = [2, 4, 8, 16, 32, 60, 60, 60]
    assert all(0 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert len(set(waits)) == len(waits)


async def test_the_same_seed_waits_the_same():
    first, second = Script(*[UNKNOWN] * 5), Script(*[UNKNOWN] * 5)
    await backoff(seed=7)(first)
    begin = anyio.current_time()
    await backoff(seed=7)(second)
    assert first.asked_at == pytest.approx([moment - begin for moment in second.asked_at])


@pytest.mark.parametrize("meaning", [Meaning.BUSY, Meaning.UNKNOWN])
async def test_a_retry_after_leaves_the_waiting_to_the_gate(meaning):
    script = Script(Answer(meaning=meaning, code="some_code", retry_after=30.0), DONE)
    await backoff()(script)
    assert [0.0, 0.0] == script.asked_at


async def test_exceptions_are_not_retried():
    calls = []

    async def attempt():
        calls.append(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await backoff()(attempt)
    assert 1 == len(calls)


async def test_calls_at_the_same_time_do_not_share_their_count():
    scripts = [Script(UNKNOWN, UNKNOWN, DONE) for _ in range(10)]
    retry = backoff(attempts=3)
    answers = []

    async def one(script):
        answers.append(await retry(script))

    async with anyio.create_task_group() as group:
        for script in scripts:
            group.start_soon(one, script)
    assert [DONE] * 10 == answers

"""Retry with exponential backoff and full jitter, by tenacity."""

from collections.abc import Awaitable, Callable
from operator import attrgetter
from random import Random

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt
from tenacity.wait import wait_base

from batchcancel.api import Answer, Meaning, SendOnce

FIRST_WAIT = 2.0
LONGEST_WAIT = 60.0


def _last_answer(retry_state: RetryCallState) -> Answer:
    answer: Answer = retry_state.outcome.result()  # type: ignore[union-attr]  # set by then
    return answer


class FullJitter(wait_base):
    """A random wait of up to 2, 4, 8 ... 60 s: clients that failed together come back apart.

    No wait after a Retry-After: the limiter's gate is closed that long, for all workers.
    """

    def __init__(self, random: Random) -> None:
        self._random = random

    def __call__(self, retry_state: RetryCallState) -> float:
        if _last_answer(retry_state).retry_after is not None:
            return 0.0
        # The exponent is bounded: after a thousand attempts the product would overflow.
        longest = FIRST_WAIT * 2 ** min(retry_state.attempt_number - 1, 16)
        return self._random.uniform(0.0, min(longest, LONGEST_WAIT))


class Backoff:
    """At most `attempts` tries; gives the last answer, whatever it means.

    What the rate limit turns away is tried again without counting: the attempt itself closes the
    gate, and raises when that has lasted for too long.
    """

    def __init__(
        self, *, attempts: int, random: Random, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._policy = AsyncRetrying(
            stop=stop_after_attempt(attempts),
            wait=FullJitter(random),
            # By the answer alone. A condition on exceptions would have to name all that pass, or it
            # would retry cancellation too (jd/tenacity#529).
            retry=retry_if_result(attrgetter("is_worth_retrying")),
            retry_error_callback=_last_answer,
            sleep=sleep,
        )

    async def __call__(self, attempt: SendOnce) -> Answer:
        async def let_through() -> Answer:
            # What a 429 turned away was not applied: no attempt has failed.
            while (answer := await attempt()).meaning is Meaning.BUSY:
                pass
            return answer

        # A copy each: one AsyncRetrying keeps the state of one call.
        answer: Answer = await self._policy.copy()(let_through)
        return answer

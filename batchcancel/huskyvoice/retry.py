"""Retry with exponential backoff and full jitter, by tenacity."""

from collections.abc import Awaitable, Callable
from operator import attrgetter
from random import Random

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt

from batchcancel.api import Answer, Meaning, Retry, SendOnce

FIRST_WAIT = 2.0
LONGEST_WAIT = 60.0


def backoff(*, attempts: int, random: Random, sleep: Callable[[float], Awaitable[None]]) -> Retry:
    """At most `attempts` tries; gives the last answer, whatever it means."""

    def full_jitter(state: RetryCallState) -> float:
        """Up to 2, 4, 8 ... 60 s at random: clients that failed together come back apart."""
        # After a Retry-After the limiter's gate is closed that long, for all workers.
        if _last_answer(state).retry_after is not None:
            return 0.0
        # The exponent is bounded: after a thousand attempts the product would overflow.
        longest = FIRST_WAIT * 2 ** min(state.attempt_number - 1, 16)
        return random.uniform(0.0, min(longest, LONGEST_WAIT))

    policy = AsyncRetrying(
        wait=full_jitter,
        # By the answer alone. A condition on exceptions would have to name all that pass, or it
        # would retry cancellation too (jd/tenacity#529).
        retry=retry_if_result(attrgetter("is_worth_retrying")),
        retry_error_callback=_last_answer,
        sleep=sleep,
    )

    async def retry(attempt: SendOnce, spent: int = 0) -> Answer:
        async def let_through() -> Answer:
            # What a 429 turned away was not applied: no attempt has failed. It closes the gate,
            # and raises when that has lasted for too long.
            while (answer := await attempt()).meaning is Meaning.BUSY:
                pass
            return answer

        # A copy each: one AsyncRetrying keeps the state of one call.
        left = stop_after_attempt(attempts - spent)
        answer: Answer = await policy.copy(stop=left)(let_through)
        return answer

    return retry


def _last_answer(state: RetryCallState) -> Answer:
    answer: Answer = state.outcome.result()  # type: ignore[union-attr]  # set by then
    return answer

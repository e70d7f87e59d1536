"""What an answer asks of all requests: a closed gate (Retry-After), and how long that may last."""

from datetime import timedelta

import anyio

from batchcancel.api import Answer, Limiter, Meaning
from batchcancel.clock import Now
from batchcancel.errors import GateClosed, StoppedEarly

PAUSE_WITHOUT_RETRY_AFTER = 5.0
"""How long a 429 that names no time closes the gate, in seconds."""

SHORTEST_PAUSE = 1.0
"""Less would be no pause: a `Retry-After: 0` is asked for again by every worker at once."""


class Patience:
    """Closes the gate as answers ask for, up to `longest` seconds.

    Raises `GateClosed` when an answer asks for more, and `StoppedEarly` when nothing but 429s came
    for longer than that.
    """

    def __init__(self, limiter: Limiter, *, now: Now, longest: float) -> None:
        self._limiter = limiter
        self._now = now
        self._longest = longest
        self._turned_away_since: float | None = None

    def take_in(self, answer: Answer) -> None:
        is_busy = answer.meaning is Meaning.BUSY
        # A 503 may carry Retry-After too. A refusal of one row must not hold up the others.
        if is_busy or (answer.is_worth_retrying and answer.retry_after is not None):
            self._close_gate(answer)
        self._limit(is_busy=is_busy)

    def _close_gate(self, answer: Answer) -> None:
        seconds = answer.retry_after
        if seconds is None:
            seconds = PAUSE_WITHOUT_RETRY_AFTER
        self._limiter.close_for(max(seconds, SHORTEST_PAUSE))
        if seconds > self._longest:
            raise GateClosed(
                seconds,
                most=self._longest,
                until=self._now() + timedelta(seconds=seconds),
                kept_in=self._limiter.kept_in,
            )

    def _limit(self, *, is_busy: bool) -> None:
        """A 429 costs no row its attempts, so the time must bound how often it is asked again."""
        if not is_busy:
            self._turned_away_since = None
            return
        now = anyio.current_time()
        if self._turned_away_since is None:
            self._turned_away_since = now
        lasted = now - self._turned_away_since
        if lasted > self._longest:
            raise StoppedEarly(
                f"for {lasted:.0f} s the API has turned every request away (429): does another "
                "program use this key?",
                hint="Run the same command again later, or raise --max-retry-after.",
            )

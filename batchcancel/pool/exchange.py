"""Request pipeline with a write-ahead intent: every request to the API goes through it.

permit -> decision -> intent, durable -> stop? batch still held? -> send -> answer -> slot back

The permit comes first, for its wait may be long, and what follows must hold when sending. The
intent is durable before the request leaves: a crash in between leaves a row in doubt, which the
next run reads back, and never a request that nobody knows of.
"""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta

import anyio

from batchcancel.api import Answer, ApiClient, Limiter, Meaning, Permit, Request
from batchcancel.appointments import Cancel, Decision, Skip
from batchcancel.clock import Now, ServerClock
from batchcancel.errors import GateClosed, RequestsSpent, StoppedEarly
from batchcancel.ledger.contract import Answered, Asked, Entry, Intent
from batchcancel.stop import Stop, Stopped
from batchcancel.writer import Writer

PAUSE_WITHOUT_RETRY_AFTER = 5.0
"""How long a 429 that names no time closes the gate, in seconds."""

SHORTEST_PAUSE = 1.0
"""Less would be no pause: a `Retry-After: 0` is asked for again by every worker at once."""

Decide = Callable[[datetime], Decision]


class Withheld(Exception):  # noqa: N818 - a decision, not an error
    """When the permit came, the policy no longer allowed sending."""

    def __init__(self, skip: Skip) -> None:
        super().__init__(skip.reason)
        self.skip = skip


def _always(_now: datetime) -> Decision:
    return Cancel()


class Exchange:
    """Sends requests; a retry is a request, so it comes through here again.

    What it decides on and what the ledger keeps of appointments is on the API's `clock`; `now` is
    this machine's, for the log of requests: the next run counts the rate limit's window from it.

    Raises `Stopped` when the run is to stop, `Withheld` when the policy says no at the last
    moment, `GateClosed` when an answer asks for more patience than `max_retry_after` seconds,
    `StoppedEarly` when nothing but 429s came for longer than that or `max_requests` were sent, and
    as the API does.
    """

    def __init__(
        self,
        *,
        api: ApiClient,
        limiter: Limiter,
        writer: Writer,
        stop: Stop,
        now: Now,
        clock: ServerClock,
        max_retry_after: float,
        require_held: Callable[[], None],
        max_requests: int | None = None,
    ) -> None:
        self._api = api
        self._limiter = limiter
        self._writer = writer
        self._stop = stop
        self._now = now
        self._clock = clock
        self._max_retry_after = max_retry_after
        self._require_held = require_held
        self._max_requests = max_requests
        self._announced = 0
        self.requests = 0
        self.rate_limited = 0
        self._turned_away_since: float | None = None

    async def send(
        self, request: Request, *, attempt: int | None = None, decide: Decide = _always
    ) -> Answer:
        """Send one request; `attempt` numbers a PATCH, `decide` is asked after the permit."""
        self._require_left()  # else the last word would come after a wait for a permit
        # Retries come through here too, so no permit is taken for the time of a backoff.
        with self._stop.breaks():
            permit = await self._limiter.permit()
        is_sent = False
        try:
            number = await self._announce(request, attempt, decide)
            _require_good(permit)
            self.requests += 1
            is_sent = True
            # On a stop a read is given up at once, for it has no effect. A write is not: only its
            # answer spares the next run a read-back.
            with self._stop.breaks() if not request.ask.writes else nullcontext():
                answer = await self._api.send(request)
        finally:
            # Without an answer the server may still have counted it: the slot stays taken.
            if is_sent:
                self._limiter.used(permit)
            else:
                self._limiter.unused(permit)
        self._writer.enqueue(Answered(request=number, at=self._now(), result=answer.code))
        is_busy = answer.meaning is Meaning.BUSY
        self.rate_limited += is_busy
        # A 503 may carry Retry-After too. A refusal of one row must not hold up the others.
        if is_busy or (answer.is_worth_retrying and answer.retry_after is not None):
            self._close_gate(answer)
        self._limit_patience(is_busy=is_busy)
        return answer

    async def _announce(self, request: Request, attempt: int | None, decide: Decide) -> int:
        decision = decide(self._clock.latest())
        if isinstance(decision, Skip):
            raise Withheld(decision)
        self._require_left()
        self._announced += 1
        number = self._writer.next_request_number()
        await self._writer.durable(self._entry(request, number=number, attempt=attempt))
        # The commit took time: only now is it known whether the request may still be sent.
        if self._stop.reason is not None:
            raise Stopped
        self._require_held()  # fencing: while we slept another run may have taken the lease
        return number

    def _entry(self, request: Request, *, number: int, attempt: int | None) -> Entry:
        if not request.ask.writes:
            return Asked(request=number, appointment_id=request.appointment_id, at=self._now())
        if request.appointment_id is None or attempt is None:
            raise ValueError("a PATCH needs an appointment and the number of its attempt")
        return Intent(
            request=number,
            appointment_id=request.appointment_id,
            attempt=attempt,
            at=self._now(),
            opened_at=self._clock.earliest(),
        )

    def _require_left(self) -> None:
        """Asked before the intent, so that no row is left open by the last request."""
        if self._max_requests is not None and self._announced >= self._max_requests:
            raise RequestsSpent(self._max_requests)

    def _close_gate(self, answer: Answer) -> None:
        seconds = answer.retry_after
        if seconds is None:
            seconds = PAUSE_WITHOUT_RETRY_AFTER
        self._limiter.close_for(max(seconds, SHORTEST_PAUSE))
        if seconds > self._max_retry_after:
            raise GateClosed(
                seconds,
                most=self._max_retry_after,
                until=self._clock.now() + timedelta(seconds=seconds),
                kept_in=self._limiter.kept_in,
            )

    def _limit_patience(self, *, is_busy: bool) -> None:
        """A 429 costs no row its attempts, so the time must bound how often it is asked again."""
        if not is_busy:
            self._turned_away_since = None
            return
        now = anyio.current_time()
        if self._turned_away_since is None:
            self._turned_away_since = now
        lasted = now - self._turned_away_since
        if lasted > self._max_retry_after:
            raise StoppedEarly(
                f"for {lasted:.0f} s the API has turned every request away (429): does another "
                "program use this key?",
                hint="Run the same command again later, or raise --max-retry-after.",
            )


def _require_good(permit: Permit) -> None:
    if not permit.is_good():
        raise StoppedEarly(
            "the permit to send was kept for too long: the machine slept, or the ledger was slow",
            hint="Run the same command again.",
        )

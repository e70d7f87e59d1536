"""Request pipeline: every request to the API goes through it, a PATCH with a write-ahead intent.

permit -> intent, durable -> stop? batch still held? decide again, permit still good? -> send
       -> answer -> slot back

The permit comes first, for its wait may be long. The intent is durable before the PATCH leaves: a
crash in between leaves a row in doubt, which is read back, and never a request that nobody knows
of. The commit may take long too. So what allows sending is asked after it, with nothing awaited
before the PATCH leaves; where something does not, the intent is withdrawn.
"""

import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import anyio

from batchcancel.api import Answer, Limiter, Meaning, Permit, Request, Send
from batchcancel.appointments import Decision, Outcome, OutcomeName, Skip
from batchcancel.clock import Now, ServerClock
from batchcancel.errors import (
    WRONG_ADDRESS,
    BatchcancelError,
    LedgerWriteFailed,
    RequestsSpent,
    StoppedEarly,
)
from batchcancel.events import Observer, RequestAnswered, RequestSent
from batchcancel.ledger.contract import Answered, Asked, Entry, Intent, Withdrawn
from batchcancel.stop import Stop, Stopped
from batchcancel.writer import Writer

TURNED_AWAY = (Meaning.BUSY, Meaning.ABSENT, Meaning.REFUSED)
"""What is answered so was not applied: its intent leaves no doubt."""

PAUSE_WITHOUT_RETRY_AFTER = 5.0
"""How long a 429 that names no time closes the gate, in seconds."""

SHORTEST_PAUSE = 1.0
"""Less would be no pause: a `Retry-After: 0` is asked for again by every worker at once."""

Decide = Callable[[datetime], Decision]


class Ended(Exception):  # noqa: N818 - control flow, not an error
    """Nothing more is to be sent for an appointment: a read, or the policy, had the last word."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.name)
        self.outcome = outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What goes with a PATCH: its number among the attempts, whether the row is in doubt already,
    and the decision, asked at the latest moment that it could be on the server.
    """

    attempt: int
    is_in_doubt: bool
    decide: Decide


class Spent(NamedTuple):
    """The requests of a run, those refused by the rate limit, and for how long all were."""

    requests: int = 0
    rate_limited: int = 0
    turned_away: float | None = None


Sent = tuple[Answer, datetime]
"""The answer to a PATCH, and the earliest moment, on the server's clock, when it left."""


class Exchange:
    """Sends requests; a retry is a request, so it comes through here again.

    What it decides on and what the ledger keeps of appointments is on the API's `clock`; `now` is
    this machine's, for the log of requests: the next run counts the rate limit's window from it.

    Raises `Stopped` when the run is to stop, `Ended` when the policy says no at the last
    moment, `StoppedEarly` when the API asks for too much patience or `max_requests` were sent, and
    as the API does; `WindowFull` where a row would wait for a slot for more than `most_wait` s.
    """

    def __init__(
        self, *, send: Send, limiter: Limiter, writer: Writer, stop: Stop, now: Now,
        clock: ServerClock, max_retry_after: float, require_held: Callable[[], None],
        max_requests: int | None = None, observe: Observer = lambda _event: None,
    ) -> None:  # fmt: skip
        self._send = send
        self._limiter = limiter
        self._writer = writer
        self._stop = stop
        self._now = now
        self._clock = clock
        self._max_retry_after = max_retry_after
        self._turned_away_since: float | None = None
        self._require_held = require_held
        self._max_requests = max_requests
        self._observe = observe
        self._announced = 0
        self.wrong_address: str | None = None
        self.proved = 0
        self.failed = 0
        self.requests = 0
        self.rate_limited = 0
        self.most_wait = math.inf

    async def send(self, request: Request, *, is_patient: bool = False) -> Answer:
        """Send a read. On a stop it is given up at once, for it has no effect.

        One that `is_patient` waits for its slot, however long: what belongs together is read whole.
        """
        if request.ask.writes:
            raise ValueError("a PATCH needs an intent")
        async with self._permitted(math.inf if is_patient else self.most_wait) as permit:
            number = self._next_number()
            asked = Asked(request=number, appointment_id=request.appointment_id, at=self._now())
            await self._writer.durable(asked)
            self._require_leave(permit)
            with self._stop.breaks():
                answer = await self._answer(request, permit)
        self._take_in(number, answer)
        return answer

    async def write(self, request: Request, write: Write) -> Sent:
        """Send a PATCH. On a stop it is waited for: only its answer spares a read-back."""
        if request.appointment_id is None:
            raise ValueError("a PATCH needs an appointment")
        async with self._permitted(self.most_wait) as permit:
            self._decide(write)  # spares the commit of what would be withdrawn
            intent = Intent(
                request=self._next_number(),
                appointment_id=request.appointment_id,
                attempt=write.attempt,
                at=self._now(),
                # Records tell their changes cut to a millisecond or a second; no later must we.
                opened_at=self._clock.earliest().replace(microsecond=0),
                kind=request.ask.value,
            )
            with self._withdrawn_unless_in_doubt(intent, write, permit):
                await self._writer.durable(intent)
                self._require_leave(permit, write)
                answer = await self._answer(request, permit)
        is_doubtful = answer.meaning not in TURNED_AWAY
        self._take_in(intent.request, answer, *([] if is_doubtful else [_undone(intent, write)]))
        return answer, intent.opened_at

    def latest(self) -> datetime:
        """The latest moment that it can be at the API."""
        return self._clock.latest()

    def spent(self) -> Spent:
        """What was sent so far, for a later slice of the same run."""
        since = self._turned_away_since
        return Spent(
            self.requests,
            self.rate_limited,
            None if since is None else anyio.current_time() - since,
        )

    def go_on(self, spent: Spent, *, paused: float) -> None:
        """Count on from what an earlier slice spent, so many seconds ago."""
        self.requests, self.rate_limited, turned_away = spent
        self._announced = self.requests
        if turned_away is not None:
            self._turned_away_since = anyio.current_time() - turned_away - paused

    @asynccontextmanager
    async def _permitted(self, most_wait: float) -> AsyncIterator[Permit]:
        """A slot of the rate limit's window, free again at once if nothing was sent."""
        self._require_left()  # else the last word would come after a wait for a permit
        # Retries come through here too, so no permit is taken for the time of a backoff.
        with self._stop.breaks():
            permit = await self._limiter.permit(most_wait)
        try:
            yield permit
        finally:
            # One that is waited for no longer may yet be counted: its slot stays taken.
            if permit.is_over:
                self._limiter.used(permit)
            elif not permit.is_sent:
                self._limiter.unused(permit)

    async def _answer(self, request: Request, permit: Permit) -> Answer:
        self._observe(RequestSent(ask=request.ask, appointment_id=request.appointment_id))
        try:
            answer = await self._send(request)
        except Exception:
            permit.is_over = True
            raise
        permit.is_over = True
        self._observe(
            RequestAnswered(
                request.ask, request.appointment_id, answer.meaning, answer.code, answer.retry_after
            )
        )
        return answer

    def _next_number(self) -> int:
        self._require_left()
        self._announced += 1
        return self._writer.next_request_number()

    def _require_left(self) -> None:
        """Asked before the intent, so that no row is left open by the last request."""
        if self._max_requests is not None and self._announced >= self._max_requests:
            raise RequestsSpent(self._max_requests)

    def _require_leave(self, permit: Permit, write: Write | None = None) -> None:
        """What must hold when a request leaves; nothing is awaited from here until then."""
        if self._stop.reason is not None:
            raise Stopped
        # Fencing: while we slept another run may have taken the lease. It comes before the
        # decision, for it may have to write.
        self._require_held()
        if write is not None:
            self._decide(write)
        if not permit.is_good():
            raise StoppedEarly(
                "the permit to send was kept for too long: the machine slept, or the ledger was "
                "slow",
                hint="Run the same command again.",
            )
        permit.is_sent = True
        self.requests += 1

    def _decide(self, write: Write) -> None:
        decision = write.decide(self._clock.latest())
        if isinstance(decision, Skip):
            self._clock.require_undisputed()
            raise Ended(Outcome(OutcomeName.SKIPPED, decision.reason))

    @contextmanager
    def _withdrawn_unless_in_doubt(
        self, intent: Intent, write: Write, permit: Permit
    ) -> Iterator[None]:
        """Withdraw an intent of which nothing was sent, or whose request was turned away."""
        try:
            yield
        except BaseException as error:
            if not permit.is_sent:
                self._announced -= 1
                self._tell("withdrawn", intent, _undone(intent, write, is_sent=False))
            elif isinstance(error, BatchcancelError) and not error.leaves_doubt:
                self._tell("turned_away", intent, _undone(intent, write))
            raise

    def _tell(self, result: str, intent: Intent, undone: Withdrawn) -> None:
        """As far as the ledger lets us: one that failed, or is another run's now, keeps doubts."""
        with suppress(LedgerWriteFailed):
            answered = Answered(request=intent.request, at=self._now(), result=result)
            self._writer.enqueue(answered, undone)

    def _take_in(self, number: int, answer: Answer, *more: Entry) -> None:
        """The answer, and the end of a doubt with it, in one commit."""
        self._writer.enqueue(Answered(request=number, at=self._now(), result=answer.code), *more)
        self.rate_limited += answer.meaning is Meaning.BUSY
        self.failed += answer.meaning is Meaning.UNKNOWN
        self.proved += answer.meaning is not Meaning.UNKNOWN and answer.code != "404"
        is_wrong = answer.code in WRONG_ADDRESS and not self.proved
        self.wrong_address = answer.code if is_wrong else None
        self._heed(answer)

    def _heed(self, answer: Answer) -> None:
        """Close the gate as the answer asks for; `BUSY` for too long stops the run."""
        is_busy = answer.meaning is Meaning.BUSY
        # A 503 may carry Retry-After too. A refusal of one row must not hold up the others.
        if is_busy or (answer.is_worth_retrying and answer.retry_after is not None):
            asked = answer.retry_after
            seconds = PAUSE_WITHOUT_RETRY_AFTER if asked is None else asked
            self._limiter.close_for(max(seconds, SHORTEST_PAUSE))
        if not is_busy:
            self._turned_away_since = None
            return
        # It costs no row its attempts, so the time must bound how often it is asked again.
        now = anyio.current_time()
        if self._turned_away_since is None:
            self._turned_away_since = now
        if (lasted := now - self._turned_away_since) > self._max_retry_after:
            raise StoppedEarly(
                f"for {lasted:.0f} s the API has turned every request away (429): does another "
                "program use this key?",
                hint="Run the same command again later, or raise --max-retry-after.",
            )


def _undone(intent: Intent, write: Write, *, is_sent: bool = True) -> Withdrawn:
    return Withdrawn(
        appointment_id=intent.appointment_id, is_sent=is_sent, was_in_doubt=write.is_in_doubt
    )

"""One request from permit to answer: every way to the API goes through here.

permit -> decision -> intent, durable -> still ours? -> send -> answer -> slot back
"""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta

from batchcancel.api import Answer, Api, Limiter, Meaning, Permit, Request
from batchcancel.appointments import Cancel, Decision, Skip
from batchcancel.clock import Now
from batchcancel.errors import GateClosed, StoppedEarly
from batchcancel.ledger.contract import Answered, Asked, Entry, Intent
from batchcancel.stop import Stop, Stopped
from batchcancel.writer import Writer

PAUSE_WITHOUT_RETRY_AFTER = 5.0
"""How long a 429 that names no time closes the gate, in seconds."""

Decide = Callable[[datetime], Decision]


class Withheld(Exception):  # noqa: N818 - it is a decision, not an error
    """The permit was granted, and by then the policy no longer allowed sending."""

    def __init__(self, skip: Skip) -> None:
        super().__init__(skip.reason)
        self.skip = skip


def _always(_now: datetime) -> Decision:
    return Cancel()


class Exchange:
    """Sends requests; a retry is a request, so it comes through here again.

    Raises `Stopped` when the run is to stop, `Withheld` when the policy says no at the last
    moment, `GateClosed` when a 429 asks for more patience than `max_retry_after` seconds, and
    `FatalAnswer` as the API does.
    """

    def __init__(
        self,
        *,
        api: Api,
        limiter: Limiter,
        writer: Writer,
        stop: Stop,
        now: Now,
        max_retry_after: float,
        require_held: Callable[[], None],
    ) -> None:
        self._api = api
        self._limiter = limiter
        self._writer = writer
        self._stop = stop
        self._now = now
        self._max_retry_after = max_retry_after
        self._require_held = require_held
        self.requests = 0
        self.rate_limited = 0

    async def send(
        self, request: Request, *, attempt: int | None = None, decide: Decide = _always
    ) -> Answer:
        """Send one request; `attempt` numbers a PATCH, `decide` is asked after the permit."""
        with self._stop.breaks():
            permit = await self._limiter.permit()
        is_sent = False
        try:
            number = await self._announce(request, attempt, decide)
            _require_good(permit)
            self.requests += 1
            is_sent = True
            # A read has no effect, so nobody needs to wait for it once the run is to stop.
            with self._stop.breaks() if not request.ask.writes else nullcontext():
                answer = await self._api.send(request)
        finally:
            if is_sent:
                self._limiter.used(permit)
            else:
                self._limiter.unused(permit)
        self._writer.note(Answered(request=number, at=self._now(), result=answer.code))
        if answer.meaning is Meaning.BUSY:
            self.rate_limited += 1
        if answer.is_worth_retrying and (
            answer.meaning is Meaning.BUSY or answer.retry_after is not None
        ):
            self._close_gate(answer)
        return answer

    async def _announce(self, request: Request, attempt: int | None, decide: Decide) -> int:
        now = self._now()
        decision = decide(now)
        if isinstance(decision, Skip):
            raise Withheld(decision)
        number = self._writer.number()
        await self._writer.durable(_entry(request, number=number, attempt=attempt, at=now))
        if self._stop.reason is not None:
            raise Stopped
        self._require_held()
        return number

    def _close_gate(self, answer: Answer) -> None:
        seconds = answer.retry_after
        if seconds is None:
            seconds = PAUSE_WITHOUT_RETRY_AFTER
        self._limiter.close_for(seconds)
        if seconds > self._max_retry_after:
            raise GateClosed(
                seconds,
                most=self._max_retry_after,
                until=self._now() + timedelta(seconds=seconds),
                kept_in=self._limiter.kept_in,
            )


def _require_good(permit: Permit) -> None:
    if not permit.is_good():
        raise StoppedEarly(
            "the permit to send was kept for too long: the machine slept, or the ledger was slow",
            hint="Run the same command again.",
        )


def _entry(request: Request, *, number: int, attempt: int | None, at: datetime) -> Entry:
    if not request.ask.writes:
        return Asked(request=number, appointment_id=request.appointment_id, at=at)
    if request.appointment_id is None or attempt is None:
        raise ValueError("a PATCH needs an appointment and the number of its attempt")
    return Intent(request=number, appointment_id=request.appointment_id, attempt=attempt, at=at)

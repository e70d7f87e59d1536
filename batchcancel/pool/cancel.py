"""Attempts to cancel one appointment: one PATCH each, numbered from 1."""

from datetime import datetime, timedelta

import anyio

from batchcancel.api import Answer, Ask, Meaning, Request
from batchcancel.appointments import Appointment, Decision, Skip, SkipReason
from batchcancel.clock import Now
from batchcancel.policy.notice import NoticePolicy
from batchcancel.pool.exchange import Exchange

LONGEST_DOUBT = timedelta(minutes=2)
"""How long after an attempt of unknown result another one may be sent without reading back.

Later, after a long Retry-After or a sleep of the machine, staff may have re-confirmed what the
lost attempt had cancelled. Then the row waits, and the next run reads it back first.
"""


class DoubtTooOld(Exception):  # noqa: N818 - a decision, not an error
    """The row must be read back before anything more is sent for it."""


class Attempts:
    """Sends one attempt with each call, and keeps whether an earlier one may have been applied."""

    def __init__(
        self, appointment: Appointment, *, exchange: Exchange, policy: NoticePolicy, now: Now
    ) -> None:
        self._appointment = appointment
        self._exchange = exchange
        self._policy = policy
        self._now = now
        self._number = appointment.attempts
        self._began: tuple[float, datetime] | None = None
        self._request = Request(
            ask=Ask.CANCEL, appointment_id=appointment.appointment_id, notes=appointment.notes
        )
        self.is_in_doubt = False

    async def __call__(self) -> Answer:
        self._number += 1
        answer = await self._exchange.send(self._request, attempt=self._number, decide=self._decide)
        # Never reset: a later refusal says nothing about an earlier attempt that may have arrived.
        self.is_in_doubt |= answer.meaning is Meaning.UNKNOWN
        return answer

    def age(self) -> timedelta:
        """The time since the oldest attempt that may have been applied was about to leave."""
        opened_at = self._appointment.opened_at
        if opened_at is None:
            return self._age_in_this_run()
        return max(self._age_in_this_run(), self._now() - opened_at)

    def _age_in_this_run(self) -> timedelta:
        """The same for this run's attempts alone, by the clock that saw more time pass.

        The monotonic clock may stand still while the machine sleeps, the wall clock may be set.
        """
        if self._began is None:
            return timedelta(0)
        monotonic, wall = self._began
        return max(timedelta(seconds=anyio.current_time() - monotonic), self._now() - wall)

    def _decide(self, now: datetime) -> Decision:
        if not self.is_in_doubt:  # what a 429 turned away was not applied
            self._began = anyio.current_time(), now
        elif self._age_in_this_run() > LONGEST_DOUBT:
            raise DoubtTooOld
        if self._appointment.is_marked:
            return Skip(SkipReason.MARKED_DONE)
        return self._policy.decide(self._appointment.start, now=now)

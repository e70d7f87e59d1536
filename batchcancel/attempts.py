"""The attempts on one appointment: one PATCH each, numbered from 1."""

from datetime import datetime, timedelta

import anyio

from batchcancel.api import Answer, Ask, Meaning, Request
from batchcancel.appointments import Appointment, Decision
from batchcancel.exchange import Exchange, Now
from batchcancel.policy import NoticePolicy


class Attempts:
    """Called once for each attempt; remembers what the attempts so far leave in doubt."""

    def __init__(
        self, appointment: Appointment, *, exchange: Exchange, policy: NoticePolicy, now: Now
    ) -> None:
        self._appointment = appointment
        self._exchange = exchange
        self._policy = policy
        self._now = now
        self._number = appointment.attempts
        self._began: float | None = None
        self._request = Request(
            ask=Ask.CANCEL, appointment_id=appointment.appointment_id, notes=appointment.notes
        )
        self.is_in_doubt = False

    async def __call__(self) -> Answer:
        self._number += 1
        answer = await self._exchange.send(self._request, attempt=self._number, decide=self._decide)
        self.is_in_doubt |= answer.meaning is Meaning.UNKNOWN
        return answer

    def age(self) -> timedelta:
        """The time since the oldest attempt that may have been applied was about to leave."""
        ages = [timedelta(0)]
        if self._began is not None:
            ages.append(timedelta(seconds=anyio.current_time() - self._began))
        if self._appointment.opened_at is not None:
            ages.append(self._now() - self._appointment.opened_at)
        return max(ages)

    def _decide(self, now: datetime) -> Decision:
        if self._began is None:
            self._began = anyio.current_time()
        return self._policy.decide(self._appointment.starts_at, now=now)

"""Worker pool over one queue, with a circuit breaker and a bounded drain."""

from collections.abc import Iterator
from dataclasses import replace

import anyio

from batchcancel.api import Answer, Ask, Request, Retry
from batchcancel.appointments import Appointment, Fact, Outcome, OutcomeName
from batchcancel.clock import Now
from batchcancel.errors import BatchcancelError, RequestsSpent, StoppedEarly, UnexpectedFailure
from batchcancel.events import Observer, RowEnded
from batchcancel.ledger.contract import Learned, Settled
from batchcancel.policy.notice import NoticePolicy
from batchcancel.policy.starts import Starts
from batchcancel.pool.cancel import Attempts, DoubtTooOld
from batchcancel.pool.exchange import Exchange, Withheld
from batchcancel.pool.proof import outcome_of_cancel, outcome_of_read
from batchcancel.stop import Stop, Stopped
from batchcancel.writer import Writer

DRAIN = 3.0
"""How long requests that have been sent may take once the run is to stop, in seconds."""


class Pool:
    """Workers over one queue. A row's trouble becomes its outcome; the run's trouble sets `stop`.

    The circuit breaker: after `halt_after` failed appointments in a row the run stops, for that
    is an outage, a key of another clinic, or a rule of the API that we do not know.
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        retry: Retry,
        policy: NoticePolicy,
        starts: Starts,
        writer: Writer,
        stop: Stop,
        now: Now,
        observe: Observer,
        halt_after: int,
    ) -> None:
        self._exchange = exchange
        self._retry = retry
        self._policy = policy
        self._starts = starts
        self._writer = writer
        self._stop = stop
        self._now = now
        self._observe = observe
        self._halt_after = halt_after
        self._failures_in_a_row = 0
        self._spent: RequestsSpent | None = None

    async def settle_all(self, appointments: Iterator[Appointment], *, workers: int) -> None:
        """Settle appointments in their order, until none is left or the run is to stop."""
        async with anyio.create_task_group() as outer:
            outer.start_soon(self._limit_the_drain, outer.cancel_scope)
            # Two groups: the inner one ends with the workers, and then there is no drain to limit.
            async with anyio.create_task_group() as inner:
                for _ in range(workers):
                    inner.start_soon(self._work, appointments)
            outer.cancel_scope.cancel()
        if self._spent is not None:
            self._stop.ask(self._spent)

    async def _limit_the_drain(self, everything: anyio.CancelScope) -> None:
        await self._stop.asked()
        await anyio.sleep(DRAIN)
        everything.cancel()

    async def _work(self, appointments: Iterator[Appointment]) -> None:
        try:
            # All workers share one iterator. It never awaits, so none can get another's row.
            for appointment in appointments:
                self._write_outcome(appointment, await self._settle(appointment))
        except Stopped:
            return
        except RequestsSpent as error:
            # No stop yet: it would keep back what the others have an intent for already.
            self._spent = error
        except BatchcancelError as error:
            self._stop.ask(error)
        except Exception as error:  # noqa: BLE001 - a task group would cancel the others in mid-request
            self._stop.ask(UnexpectedFailure(error))

    async def _settle(self, appointment: Appointment) -> Outcome:
        lacks_start = appointment.start is None and self._policy.needs_start
        if appointment.opened_at is not None or lacks_start:
            answer = await self._read(appointment)
            outcome = outcome_of_read(answer, opened_at=appointment.opened_at, now=self._now())
            if outcome is not None:
                return outcome
            if lacks_start:
                appointment = await self._with_start(appointment, answer)
        return await self._cancel(appointment)

    async def _read(self, appointment: Appointment) -> Answer:
        request = Request(ask=Ask.READ, appointment_id=appointment.appointment_id)

        async def attempt() -> Answer:
            return await self._exchange.send(request)

        return await self._retry(attempt)

    async def _with_start(self, appointment: Appointment, answer: Answer) -> Appointment:
        start = await self._starts.of_record(answer.record) if answer.record else None
        if start is None:
            return appointment
        learned = Learned(
            appointment_id=appointment.appointment_id,
            starts_at=start.earliest,
            known_by=start.known_by,
        )
        self._writer.enqueue(learned)
        return replace(appointment, start=start)

    async def _cancel(self, appointment: Appointment) -> Outcome:
        attempts = Attempts(
            appointment, exchange=self._exchange, policy=self._policy, now=self._now
        )
        try:
            answer = await self._retry(attempts)
        except DoubtTooOld:
            return Outcome(OutcomeName.GAVE_UP, "doubt_too_old")
        except Withheld as withheld:
            # Not skipped: an earlier attempt may have cancelled it, so the next run reads it back.
            if attempts.is_in_doubt:
                return Outcome(OutcomeName.GAVE_UP, withheld.skip.reason)
            return Outcome(OutcomeName.SKIPPED, withheld.skip.reason)
        return outcome_of_cancel(answer, age=attempts.age(), is_in_doubt=attempts.is_in_doubt)

    def _write_outcome(self, appointment: Appointment, outcome: Outcome) -> None:
        self._writer.enqueue(
            Settled(appointment_id=appointment.appointment_id, outcome=outcome, at=self._now())
        )
        self._observe(RowEnded(appointment_id=appointment.appointment_id, outcome=outcome))
        if Fact.FAILURE in outcome.name.facts:
            self._failures_in_a_row += 1
        elif Fact.ALIVE in outcome.name.facts:
            self._failures_in_a_row = 0
        if self._failures_in_a_row >= self._halt_after:
            raise StoppedEarly(
                f"{self._failures_in_a_row} appointments in a row failed, "
                f"the last with {outcome.reason}",
                hint=_why_halted(outcome),
            )


def _why_halted(last: Outcome) -> str:
    if last.name is OutcomeName.NOT_FOUND:
        return (
            "Does the key belong to this clinic? Nothing is ever deleted there. With the right "
            "key, --retry-refused sends these rows once more."
        )
    return "Find out why, then run the same command again; --halt-after sets how many are too many."

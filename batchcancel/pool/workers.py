"""Worker pool over one queue, with a circuit breaker and a bounded drain."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from batchcancel.api import Ask
from batchcancel.appointments import Fact, Outcome, OutcomeName
from batchcancel.clock import Now
from batchcancel.errors import (
    BatchcancelError,
    RequestsSpent,
    ScopeMissing,
    StoppedEarly,
    UnexpectedFailure,
    WindowFull,
)
from batchcancel.events import Observer, RowEnded
from batchcancel.ledger.contract import Noted, Settled
from batchcancel.pool.cancel import Cancellation
from batchcancel.stop import Stop, Stopped
from batchcancel.writer import Writer

DRAIN = 3.0
"""How long requests that have been sent may take once the run is to stop, in seconds."""

_HELD = Fact.FINAL | Fact.FAILURE
"""Outcomes that are final and may as well be the fault of a key, an address or an outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streak:
    """Failures in a row, the outcomes held meanwhile, and whether the key may not read a row."""

    failures: int = 0
    held: Mapping[str, Outcome] = field(default_factory=dict)
    is_unread: bool = False


UNBROKEN = Streak()


class Pool:
    """Workers over one queue. A row's trouble becomes its outcome; the run's trouble sets `stop`.

    The circuit breaker: after `halt_after` failed appointments in a row the run stops, for that
    is an outage, a key of another clinic, or a rule of the API that we do not know. Therefore
    not-found and refused rows are held: they are only noted until the API has shown a record of
    another row, or the run has come to its end by itself; then they are settled. A run in slices
    holds them from one to the next. What a full window stopped on its way is `begun`.
    """

    def __init__(
        self, writer: Writer, *, stop: Stop, now: Now, observe: Observer, halt_after: int,
        streak: Streak = UNBROKEN,
    ) -> None:  # fmt: skip
        self._writer = writer
        self._stop = stop
        self._now = now
        self._observe = observe
        self._halt_after = halt_after
        self._failures_in_a_row = streak.failures
        self._held = {**streak.held}
        self._spent: RequestsSpent | WindowFull | None = None
        read = Ask.READ
        missing = ScopeMissing(read.scope, hint=read.without_scope) if streak.is_unread else None
        self._unread: ScopeMissing | None = missing
        self.begun: list[Cancellation] = []

    def streak(self) -> Streak:
        """How it stands, for a later slice of the same run."""
        return Streak(
            failures=self._failures_in_a_row, held=self._held, is_unread=self._unread is not None
        )

    async def settle_all(self, appointments: Iterator[Cancellation], *, workers: int) -> None:
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
        if self._stop.reason is None:
            self._settle_held()
        if self._unread is not None:
            self._stop.ask(self._unread)

    async def _limit_the_drain(self, everything: anyio.CancelScope) -> None:
        await self._stop.asked()
        await anyio.sleep(DRAIN)
        everything.cancel()

    async def _work(self, appointments: Iterator[Cancellation]) -> None:
        try:
            # All workers share one iterator. It never awaits, so none can get another's row.
            for one in appointments:
                try:
                    outcome = await one.outcome()
                except WindowFull:
                    self.begun.append(one)
                    raise
                self._end(one, outcome)
        except Stopped:
            return
        except (RequestsSpent, WindowFull) as error:
            # No stop yet: it would keep back what the others have an intent for already.
            if not isinstance(self._spent, RequestsSpent):
                self._spent = error
        except BatchcancelError as error:
            self._stop.ask(error)
        except Exception as error:  # noqa: BLE001 - a task group would cancel the others in mid-request
            self._stop.ask(UnexpectedFailure(error))

    def _end(self, one: Cancellation, outcome: Outcome) -> None:
        appointment_id = one.appointment_id
        if _HELD in outcome.name.facts:
            self._held[appointment_id] = outcome
            self._writer.enqueue(Noted(appointment_id=appointment_id, outcome=outcome))
        else:
            self._settle(appointment_id, outcome, updated_at=one.updated_at)
        self._observe(RowEnded(appointment_id=appointment_id, outcome=outcome))
        if one.unread is not None:
            # Said at the end: what is not in doubt needs no read.
            self._unread = one.unread
        elif Fact.FAILURE in outcome.name.facts:
            self._count_failure(outcome)
        elif one.has_record:  # a page that told may be older than the streak
            self._failures_in_a_row = 0
            self._settle_held()

    def _settle(
        self, appointment_id: str, outcome: Outcome, *, updated_at: datetime | None = None
    ) -> None:
        at = self._now()
        self._writer.enqueue(
            Settled(appointment_id=appointment_id, outcome=outcome, at=at, updated_at=updated_at)
        )

    def _settle_held(self) -> None:
        for appointment_id, outcome in self._held.items():
            self._settle(appointment_id, outcome)
        self._held.clear()

    def _count_failure(self, outcome: Outcome) -> None:
        self._failures_in_a_row += 1
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
            "key the same command goes on; if these ids are nowhere, raise --halt-after."
        )
    return "Find out why, then run the same command again; --halt-after sets how many are too many."

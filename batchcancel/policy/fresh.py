"""Observations that keep up with a run: what is old when its turn comes is looked at once more."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

import anyio

from batchcancel.api import Lookup, Record
from batchcancel.appointments import Appointment
from batchcancel.clock import Now
from batchcancel.ledger.contract import Observation
from batchcancel.policy.pages import MIN_HITS, Budget, DayPages

OLD = timedelta(minutes=10)
"""An observation that is older is made anew before its appointment is sent."""

_MOST_KEPT = 50_000


class Look(NamedTuple):
    """What a new look gave: a record, or that the appointment has to be read by itself.

    Neither where what was decided on still stands.
    """

    record: Record | None = None
    must_read: bool = False


_STANDS, _MUST_READ = Look(), Look(must_read=True)


@dataclass(frozen=True, slots=True)
class _Renewed:
    """The pages of a day as they were read again at a moment."""

    at: datetime
    records: Mapping[str, Record] = field(default_factory=dict)
    tells_all: bool = False
    """Whether what they do not show is not on that day."""


class Fresh:
    """Reads the pages of a day anew when a row of it comes up that was observed long ago.

    `rows` counts the rows that are to be taken up, by the day whose pages show them. Beyond the
    budget, which is what planning has left, older observations stand.
    """

    def __init__(
        self, rows: Mapping[date, int], *, lookup: Lookup, now: Now, budget: Budget
    ) -> None:
        self._left = Counter(rows)
        self._lookup = lookup
        self._now = now
        self._budget = budget
        self._days: dict[date, _Renewed] = {}
        self._reading = anyio.Lock()

    async def look(self, appointment: Appointment) -> Look:
        """Look at an appointment whose turn has come, where that is due; to be called once."""
        if appointment.is_missed:
            return _MUST_READ
        if appointment.page is None or appointment.observed_at is None:
            return self._shown(appointment.appointment_id)
        try:
            return await self._look(appointment, appointment.page, appointment.observed_at)
        finally:
            self._left[appointment.page] -= 1

    async def _look(self, appointment: Appointment, page: date, observed_at: datetime) -> Look:
        if not self._is_old(observed_at):
            return self._shown(appointment.appointment_id)
        async with self._reading:  # else all workers would read the same pages at once
            renewed = self._days.get(page)
            if renewed is None or self._is_old(renewed.at):
                # For the last few rows of a day its pages do not pay.
                if self._left[page] < MIN_HITS:
                    return self._read_if_there_is_a_budget()
                renewed = await self._renew(page)
        return self._found(appointment.appointment_id, renewed)

    def observation(self, record: Record) -> Observation:
        """What a record that was just read says, as the ledger keeps it."""
        return Observation(
            record.appointment_id,
            record.status,
            record.date,
            record.session,
            record.branch_id,
            record.label,
            self._now(),
        )

    def _found(self, appointment_id: str, renewed: _Renewed) -> Look:
        if (record := renewed.records.get(appointment_id)) is not None:
            return Look(record)
        if renewed.tells_all:
            return _MUST_READ  # it was there, and is not any more: it is read whatever it costs
        return self._read_if_there_is_a_budget()

    def _shown(self, appointment_id: str) -> Look:
        """What pages show that were read again for other rows."""
        shown = (one.records.get(appointment_id) for one in self._days.values())
        return Look(next(filter(None, shown), None))

    def _read_if_there_is_a_budget(self) -> Look:
        return _MUST_READ if self._budget.spend() else _STANDS

    def _is_old(self, at: datetime) -> bool:
        return self._now() - at > OLD

    async def _renew(self, day: date) -> _Renewed:
        at, records, pages = self._now(), dict[str, Record](), DayPages()
        while not pages.is_whole and self._budget.spend():
            found = await self._lookup.page_of_day(day, page=pages.pages + 1)
            if found is None:
                break
            records |= {one.appointment_id: one for one in found}
            pages.note(found, hits=len(found))
        renewed = _Renewed(at, records, tells_all=pages.tells_all)
        self._days.pop(day, None)
        self._days[day] = renewed
        while len(self._days) > 1 and self._kept() > _MOST_KEPT:
            del self._days[next(iter(self._days))]
        return renewed

    def _kept(self) -> int:
        return sum(len(one.records) for one in self._days.values())

"""Observations that keep up with a run: what is old when its turn comes is looked at once more."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

import anyio

from batchcancel.api import Lookup, Record
from batchcancel.appointments import Appointment
from batchcancel.clock import Now
from batchcancel.errors import Unreachable
from batchcancel.ledger.contract import Observation
from batchcancel.policy.day_pages import DayPages
from batchcancel.policy.observed import CANCELLED
from batchcancel.policy.pages import MIN_HITS, Budget
from batchcancel.policy.records import FIELDS

OLD = timedelta(minutes=10)
"""An observation that is older is made anew before its appointment is sent."""

_MOST_KEPT = 50_000


class Word(NamedTuple):
    """What a page of this run, by its number, showed of an appointment.

    `was_cancelled` says that it, or an earlier one, showed it cancelled.
    """

    page: int
    record: Record
    was_cancelled: bool


class DayRead(NamedTuple):
    """When its pages were read last, `after` how many of the run, and if what they do not show
    is not on that day.
    """

    at: datetime
    after: int
    tells_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a run read anew so far."""

    pages: int = 0
    days: Mapping[date, DayRead] = field(default_factory=dict)
    words: Mapping[str, Word] = field(default_factory=dict)


NOTHING_READ = Read()


def read_of(shown: Iterable[Record]) -> Read:
    """These records, which planning has seen."""
    words = {one.appointment_id: Word(0, one, one.status == CANCELLED) for one in shown}
    return Read(words=words)


class Fresh:
    """Reads the pages of a day anew when a row of it comes up that was observed long ago.

    `rows` counts the rows that are to be taken up, by the day whose pages show them. Beyond the
    budget, which is what planning has left, older observations stand. Of the days that are
    `shuffled` one page is read, and what it does not show stands too: each shows as many as others.
    What was `read` before may be of an earlier slice of the run, or of the plan.
    """

    def __init__(
        self,
        rows: Mapping[date, int],
        *,
        lookup: Lookup,
        now: Now,
        budget: Budget,
        shuffled: Collection[date] = (),
        read: Read = NOTHING_READ,
    ) -> None:
        self._left = Counter(rows)
        self._lookup = lookup
        self._now = now
        self._budget = budget
        self._shuffled = shuffled
        self._pages = read.pages
        self._days, self._words = {**read.days}, {**read.words}
        self._reading = anyio.Lock()

    def read(self, ids: Collection[str]) -> Read:
        """What was read, and what it showed of these rows; nobody's name is kept."""
        words = {
            one: word._replace(record=replace(word.record, doctor=None, service=None))
            for one in ids
            if (word := self._words.get(one)) is not None
        }
        return Read(pages=self._pages, days=self._days, words=words)

    async def must_read(self, appointment: Appointment) -> bool:
        """Whether it is to be read by itself, now that its turn has come; to be called once.

        Where pages are to be read anew they are, and `last_word` tells what they show.
        """
        page, observed_at = appointment.page, appointment.observed_at
        if appointment.is_missed or page is None or observed_at is None:
            return appointment.is_missed
        try:
            return self._is_old(observed_at) and await self._is_missed(appointment, page)
        finally:
            self._left[page] -= 1

    def last_word(self, appointment_id: str) -> Word | None:
        """What a page of this run showed last of it, whatever that page was read for.

        The same object until another page shows it.
        """
        return self._words.get(appointment_id)

    def observation(self, record: Record) -> Observation:
        """What a record that was just read says, as the ledger keeps it."""
        return Observation._make((*FIELDS(record), self._now()))

    async def _is_missed(self, appointment: Appointment, page: date) -> bool:
        async with self._reading:  # else all workers would read the same pages at once
            day = self._days.get(page)
            if day is None or self._is_old(day.at):
                # For the last few rows of a day its pages do not pay.
                if self._left[page] < MIN_HITS:
                    return self._budget.spend()
                day = await self._renew(page)
        word = self._words.get(appointment.appointment_id)
        if word is not None and word.page > day.after:
            return False
        # It was there, and is not any more: it is read whatever it costs.
        return day.tells_all or (page not in self._shuffled and self._budget.spend())

    def _is_old(self, at: datetime) -> bool:
        return self._now() - at > OLD

    async def _renew(self, page: date) -> DayRead:
        began, after, pages = self._now(), self._pages, DayPages()
        while not pages.is_whole and self._budget.spend():
            try:
                found = await self._lookup.page_of_day(page, page=pages.pages + 1)
            except Unreachable:
                found = None
            if found is None:
                break
            self._take(found)
            pages.note(found, len(found))
            if page in self._shuffled:
                break
        self._days[page] = day = DayRead(began, after, pages.tells_all)
        if len(self._words) > _MOST_KEPT:  # then other days are read anew
            self._words = {one: word for one, word in self._words.items() if word.page > after}
            self._days = {page: day}
        return day

    def _take(self, records: Iterable[Record]) -> None:
        self._pages += 1
        for one in records:
            before = self._words.get(one.appointment_id)
            is_cancelled = one.status == CANCELLED or (before is not None and before.was_cancelled)
            self._words[one.appointment_id] = Word(self._pages, one, is_cancelled)

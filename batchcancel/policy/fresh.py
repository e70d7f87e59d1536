"""Observations that keep up with a run: what is old when its turn comes is looked at once more."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

import anyio

from batchcancel.api import NOTHING, Lookup, Record
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


Place = tuple[date, str | None]
"""A day, and the session whose pages are read; None for all of them."""


class DayRead(NamedTuple):
    """How many of its pages were read from `at` on, `after` how many of the run; whether those were
    all, and if what they do not show is not there.
    """

    at: datetime
    after: int
    pages: int
    is_whole: bool
    tells_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a run read anew so far, page by page."""

    at: Sequence[datetime] = ()
    days: Mapping[Place, DayRead] = field(default_factory=dict)
    words: Mapping[str, Word] = field(default_factory=dict)


NOTHING_READ = Read()


def read_of(shown: Iterable[Record]) -> Read:
    """These records, which planning has seen."""
    words = {one.appointment_id: Word(0, one, one.status == CANCELLED) for one in shown}
    return Read(words=words)


class Fresh:
    """Reads the pages of a day anew when a row of it comes up that was observed long ago.

    Those of its session, as far as that row is, and from there on for the next that no page has
    shown lately: rows that come up in the order of the pages need each page once. `rows` counts the
    rows that are to be taken up, by the day whose pages show them. Beyond the budget, which is what
    planning has left, older observations stand. Of the days that are `shuffled` one page is read,
    and what it does not show stands too: each shows as many as others. What was `read` before may
    be of an earlier slice of the run, or of the plan.
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
        self._read_at = [*read.at]
        self._days = {place: _Day(one) for place, one in read.days.items()}
        self._words = {**read.words}
        self._reading = anyio.Lock()

    def read(self, ids: Collection[str]) -> Read:
        """What was read, and what it showed of these rows; nobody's name is kept."""
        words = {
            one: word._replace(record=replace(word.record, doctor=None, service=None))
            for one in ids
            if (word := self._words.get(one)) is not None
        }
        days = {place: one.told for place, one in self._days.items()}
        return Read(at=self._read_at, days=days, words=words)

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
        one = appointment.appointment_id
        async with self._reading:  # else all workers would read the same pages at once
            if self._is_shown(one):
                return False
            place = (page, None if page in self._shuffled else appointment.seen.session)
            day = self._days.get(place)
            if day is None or self._is_over(day, one):
                day = _Day(DayRead(self._now(), len(self._read_at), 0, False, False))
            if not day.pages.is_whole:
                # For the last few rows of a day its pages do not pay.
                if self._left[page] < MIN_HITS:
                    return self._budget.spend()
                await self._read_on(place, day, one)
        if self._is_shown(one):
            return False
        # It was there, and is not any more: it is read whatever it costs.
        return day.pages.tells_all or (page not in self._shuffled and self._budget.spend())

    def _is_old(self, at: datetime) -> bool:
        return self._now() - at > OLD

    def _is_shown(self, appointment_id: str) -> bool:
        """Whether a page of this run showed it that is not old."""
        word = self._words.get(appointment_id)
        return word is not None and word.page > 0 and not self._is_old(self._read_at[word.page - 1])

    def _is_over(self, day: "_Day", appointment_id: str) -> bool:
        """Whether the next page to be read is the first: what showed it has grown old, or all."""
        word = self._words.get(appointment_id)
        was_shown = word is not None and word.page > day.after
        return was_shown or (day.pages.is_whole and self._is_old(day.at))

    async def _read_on(self, place: Place, day: "_Day", appointment_id: str) -> None:
        """Read further pages until one of them shows the appointment."""
        self._days[place] = day
        (page, session), pages = place, day.pages
        part = NOTHING if session is None else {"session": session}
        while not (pages.is_whole or self._is_shown(appointment_id)) and self._budget.spend():
            try:
                found = await self._lookup.page_of_day(page, page=pages.pages + 1, part=part)
            except Unreachable:
                found = None
            if found is not None:
                self._take(found.records)
                pages.note(found, len(found.records))
            pages.is_whole |= found is None or page in self._shuffled
        if len(self._words) > _MOST_KEPT:  # then other days are read anew
            self._words = {k: word for k, word in self._words.items() if word.page > day.after}
            self._days = {place: day}

    def _take(self, records: Iterable[Record]) -> None:
        self._read_at.append(self._now())
        for one in records:
            before = self._words.get(one.appointment_id)
            is_cancelled = one.status == CANCELLED or (before is not None and before.was_cancelled)
            self._words[one.appointment_id] = Word(len(self._read_at), one, is_cancelled)


class _Day:
    """How far its pages were read; what they showed before a slice ended is not known any more."""

    def __init__(self, told: DayRead) -> None:
        self.at, self.after, self.pages = told.at, told.after, DayPages()
        self.pages.pages, self.pages.is_whole = told.pages, told.is_whole
        self.pages.tells_all = told.tells_all

    @property
    def told(self) -> DayRead:
        pages = self.pages
        return DayRead(self.at, self.after, pages.pages, pages.is_whole, pages.tells_all)

"""Which pages and records are read before deciding, within a budget of requests.

The rows of a closure mostly lie on a day or two, and a page shows 200 of them. Where the manifest
names days, their pages are read; a row that they do not show is read by itself, and where it tells
of another day, the pages of that day follow. So do those of rows that name no day.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, auto
from itertools import chain

from batchcancel.api import PAGE, USUAL_PAGE, Lookup, Record
from batchcancel.clock import Now
from batchcancel.errors import ScopeMissing, StoppedEarly
from batchcancel.policy.sightings import Sightings, Words

MIN_HITS = 3
"""A page of a day that no row names is the last one of it when it shows fewer wanted records."""

MAX_MISSES = 3
"""So many such days in a row that showed fewer than `MIN_HITS` end the reading of such days."""

ENOUGH_PAGES = 2
"""So many pages of a day without any of its rows raise the question whether it is their day."""

ROWS_FOR_A_REQUEST, LEAST_REQUESTS = 20, 20


class Budget:
    """How many requests may still be spent on observing."""

    def __init__(self, requests: int) -> None:
        self.left = requests

    @classmethod
    def for_rows(cls, rows: int) -> "Budget":
        """One request for every twenty rows, and twenty."""
        return cls(rows // ROWS_FOR_A_REQUEST + LEAST_REQUESTS)

    def spend(self) -> bool:
        """Take one request out, if there is one."""
        if self.left == 0:
            return False
        self.left -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The rows to be observed: by the day whose pages should show them, None where none is named.

    `beside` tells of some rows, by their day, on which other days their pages may be: days of the
    API's searches begin at midnight in UTC.
    """

    by_day: Mapping[date | None, Sequence[str]]
    beside: Mapping[date, Mapping[date, Sequence[str]]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(len(ids) for ids in self.by_day.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of it; nothing, where nothing was read.

    `missed` are rows that the pages of their day did not show and that there was no budget to read:
    they are read when their turn comes. `not_shown` counts those that the whole of their pages does
    not show, `absent` those that the API does not know.
    """

    sightings: Sightings = field(default_factory=Sightings)
    words: Words = field(default_factory=Words)
    missed: Sequence[str] = ()
    not_shown: int = 0
    absent: int = 0
    also_there: int = 0
    """How many others that were asked about the pages show alive."""
    is_possible: bool = True
    """Whether pages and records could be read."""


class _End(Enum):
    """Why no further page of a day was read."""

    ALL = auto()  # there is none
    ENOUGH = auto()  # what is left is read singly, or is not there
    CUT = auto()  # there is no budget, or no page but those that were read is to be had


class _OutOfReach(Exception):  # noqa: N818 - a decision, not an error
    """Pages or records cannot be had, so no more of them are asked for."""


async def read_rows(
    wanted: Wanted,
    *,
    lookup: Lookup,
    now: Now,
    budget: Budget,
    halt_after: int,
    also: Collection[str] = (),
) -> Reading:
    """Read what the budget allows; `StoppedEarly` after `halt_after` reads that found nothing.

    Nothing is read for the ids in `also`; it is noted where they are seen.
    """
    reader = _Reader(wanted, also, lookup=lookup, now=now, budget=budget, halt_after=halt_after)
    try:
        await reader.read_all()
    except (_OutOfReach, ScopeMissing):
        return reader.reading(is_possible=False)
    return reader.reading(is_possible=True)


class _Reader:
    def __init__(
        self,
        wanted: Wanted,
        also: Collection[str],
        *,
        lookup: Lookup,
        now: Now,
        budget: Budget,
        halt_after: int,
    ) -> None:
        self._wanted = wanted
        self._also = set(also)
        self._also_there: set[str] = set()
        self._lookup = lookup
        self._now = now
        self._budget = budget
        self._halt_after = halt_after
        self._sightings = Sightings()
        self._words = Words()
        self._day_of = {one: day for day, ids in wanted.by_day.items() for one in ids}
        self._seen: set[str] = set()
        self._left = Counter({day: len(ids) for day, ids in wanted.by_day.items()})
        self._days: dict[date, DayPages] = {}
        self._to_read: set[str] = set()
        self._not_shown = 0
        self._absent: set[str] = set()
        self._streak: list[str] = []
        self._all_ids: list[str] = []
        self._misses_left = MAX_MISSES

    def reading(self, *, is_possible: bool) -> Reading:
        return Reading(
            sightings=self._sightings,
            words=self._words,
            missed=sorted((self._to_read & self._day_of.keys()) - self._absent),
            not_shown=self._not_shown,
            absent=len(self._absent),
            also_there=len(self._also_there),
            is_possible=is_possible,
        )

    async def read_all(self) -> None:
        """Days with most rows first: there a page saves most."""
        days = [day for day in self._wanted.by_day if day is not None]
        alone = []
        for day in sorted(days, key=lambda one: (-self._left[one], one)):
            if self._left[day] > 1:
                await self._read_day(day)
            else:  # a page would cost as much as the record, and might not tell
                alone += self._unseen(day)
        await self._read_singly(alone)
        await self._read_singly(self._unseen(None))
        await self._read_singly(sorted(self._to_read))

    async def _read_day(self, day: date) -> None:
        """The pages of a day that rows name, and of the days beside it that may show them."""
        rows = self._left[day]
        end = await self._read_pages(
            day, is_worth=lambda of_day: self._left[day] > of_day.pages and of_day.is_promising
        )
        if end is _End.ENOUGH and not self._days[day].hits:
            # None of them so far: is it their day at all? One tells, and where they are.
            found = await self._read_singly(self._unseen(day)[:1])
            if [one.date for one in found] == [day]:
                end = await self._read_pages(
                    day, is_worth=lambda of_day: self._left[day] > of_day.pages
                )
        ends = {end, *[await self._read_beside(day, other) for other in self._beside(day)]}
        if _End.CUT in ends:
            return  # whether further pages would have shown the others is not known
        missing = self._unseen(day)
        self._to_read.update(missing)
        self._not_shown += len(missing) if ends == {_End.ALL} else 0
        if len(missing) * 2 > rows:
            await self._read_singly(missing[:1])

    def _beside(self, day: date) -> Iterator[date]:
        for other, ids in self._wanted.beside.get(day, {}).items():
            if any(one in self._day_of for one in ids):
                yield other

    async def _read_beside(self, day: date, other: date) -> _End:
        return await self._read_pages(other, is_worth=lambda _: self._left[day] > 0)

    async def _read_singly(self, ids: Iterable[str]) -> list[Record]:
        """Records one by one; where one is on a day of which nothing was read, that day's pages."""
        found = []
        for one in ids:
            if one not in self._day_of or one in self._absent:
                continue
            said = self._day_of[one]
            if not self._budget.spend():
                break
            record = await self._read_row(one)
            if record is not None:
                found.append(record)
                if record.date is not None and record.date not in {said, *self._days}:
                    await self._read_near(record.date)
        return found

    async def _read_near(self, day: date) -> None:
        """The pages of a day on which one row was found, as long as they show others."""
        if self._misses_left == 0 or len(self._day_of) < MIN_HITS:
            return
        before = len(self._day_of)
        await self._read_pages(
            day, is_worth=lambda of_day: of_day.last_hits >= MIN_HITS and bool(self._day_of)
        )
        has_paid = before - len(self._day_of) >= MIN_HITS
        self._misses_left = MAX_MISSES if has_paid else self._misses_left - 1

    async def _read_row(self, appointment_id: str) -> Record | None:
        answer = await self._lookup.read(appointment_id)
        if answer.record is not None:
            self._take([answer.record], page=None)
            return answer.record
        if answer.is_worth_retrying:
            raise _OutOfReach
        self._absent.add(appointment_id)
        if self._streak and self._is_any_seen_between(self._streak[-1], appointment_id):
            self._streak.clear()
        self._streak.append(appointment_id)
        if len(self._streak) >= self._halt_after:
            raise StoppedEarly(
                f"the API knows none of {len(self._streak)} appointments in a row",
                hint="Does the key belong to this clinic? Nothing is ever deleted there. With the "
                "right key the same command goes on; if these ids are nowhere, raise --halt-after. "
                "Nothing was sent.",
            )
        return None

    def _is_any_seen_between(self, *two: str) -> bool:
        """Whether a row between two of them is there, in the order in which rows are taken up.

        Only rows that are not shown are read singly, so the order of reading tells nothing.
        """
        self._all_ids = self._all_ids or sorted(chain.from_iterable(self._wanted.by_day.values()))
        begin, end = (bisect_left(self._all_ids, one) for one in sorted(two))
        return any(one not in self._day_of for one in self._all_ids[begin:end])

    async def _read_pages(self, day: date, *, is_worth: Callable[["DayPages"], bool]) -> _End:
        """Pages, from the first that was not read yet, until they end or are not worth it."""
        of_day = self._days.setdefault(day, DayPages())
        while not of_day.is_whole:
            if not self._budget.spend():
                return _End.CUT
            records = await self._page(day, of_day.pages + 1)
            is_last = of_day.note(records, hits=self._take(records, page=day))
            if is_last and of_day.is_shuffled:
                await self._read_again(day, full=of_day.pages - 1, shown=of_day.shown)
            if not is_last and not is_worth(of_day):
                return _End.ENOUGH
        return _End.CUT if not (of_day.tells_all or of_day.is_shuffled) else _End.ALL

    async def _read_again(self, day: date, *, full: int, shown: int) -> None:
        """The full pages of a day, over and over, as long as they are likely to show new rows."""
        number = 0
        while self._left_on(day) * PAGE > shown and self._budget.spend():
            records = await self._page(day, number % full + 1)
            if self._take(records, page=day) == 0:
                return
            number += 1

    def _left_on(self, day: date) -> int:
        """How many rows the pages of a day may still show; those that name no day may be on any."""
        return self._left[day] + self._left[None]

    async def _page(self, day: date, number: int) -> list[Record]:
        found = await self._lookup.page_of_day(day, page=number)
        if found is None:
            raise _OutOfReach
        return found

    def _take(self, records: Iterable[Record], *, page: date | None) -> int:
        """Keep those that are wanted, and tell how many of them are new."""
        hits, again = [], []
        for one in records:
            self._words.note(one.date, session=one.session, branch_id=one.branch_id)
            if one.appointment_id in self._day_of:
                self._left[self._day_of.pop(one.appointment_id)] -= 1
                self._seen.add(one.appointment_id)
                hits.append(one)
            elif one.appointment_id in self._seen:
                again.append(one)
            elif one.appointment_id in self._also and one.status != "cancelled":
                self._also_there.add(one.appointment_id)
        self._sightings.add([*hits, *again], at=self._now(), page=page)
        return len(hits)

    def _unseen(self, day: date | None) -> list[str]:
        return [one for one in self._wanted.by_day.get(day, ()) if one in self._day_of]


class DayPages:
    """How far the pages of one day were read.

    A page with nothing new on it is the last: so a server that ignores the number of a page, or
    gives the last one again, ends it. Where pages show records twice, their order is not kept. A
    first page of 50 may be one of many: some servers give no more than where nothing is asked for.
    """

    def __init__(self) -> None:
        self.pages = self.hits = self.last_hits = self.shown = 0
        self.is_whole = self.is_shuffled = self.tells_all = False
        self._ids: set[str] = set()
        self._records, self._length = 0, PAGE

    def note(self, records: Sequence[Record], *, hits: int) -> bool:
        """One more page was read, and `hits` records on it were wanted. Tells if it is the last."""
        before = len(self._ids)
        self._ids.update(one.appointment_id for one in records)
        self.pages += 1
        self.shown, self._records = len(self._ids), self._records + len(records)
        self.hits, self.last_hits = self.hits + hits, hits
        if self.pages == 1 and records and len(records) % USUAL_PAGE == 0:
            self._length = min(len(records), PAGE)
        is_end = len(records) < self._length
        if self.shown == before or is_end:
            self.is_whole = True
            # A server that ignores the number of a page is not out of order, and tells no end.
            self.is_shuffled = is_end and self._records > self.shown
            self.tells_all = is_end and not self.is_shuffled
            self._ids.clear()
        return self.is_whole

    @property
    def is_promising(self) -> bool:
        """Whether its first pages showed any of the rows."""
        return self.hits > 0 or self.pages < ENOUGH_PAGES

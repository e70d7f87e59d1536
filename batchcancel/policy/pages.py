"""Which pages and records are read before deciding, within a budget of requests.

The rows of a closure mostly lie on a day or two, and a page shows 200 of them. Where the manifest
names days, their pages are read; a row that they do not show is read by itself, and where it tells
of another day, the pages of that day follow. So do those of rows that name no day.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain

from batchcancel.api import NOTHING, PAGE, USUAL_PAGE, Lookup, Meaning, Record
from batchcancel.clock import Now
from batchcancel.errors import ScopeMissing, StoppedEarly
from batchcancel.policy.sightings import Sightings, Words

MIN_HITS = 3
"""A page of a day that no row names is the last one of it when it shows fewer wanted records."""

MAX_MISSES = 3
"""So many such days in a row that showed fewer than `MIN_HITS` end the reading of such days."""

ENOUGH_PAGES = 2
"""So many pages of a day without any of its rows raise the question whether it is their day."""

_PART = ("branch_id", "session", "batch", "appointment_type")

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
        has_one = self.left > 0
        self.left -= has_one
        return has_one


DaysOf = Callable[[Record], Awaitable[Iterable[date]]]


async def _own_day(record: Record) -> Iterable[date]:
    return () if record.date is None else (record.date,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The rows to be observed: by the day whose pages should show them, None where none is named.

    `beside` tells of some rows, by their day, on which other days their pages may be: days of the
    API's searches begin at midnight in UTC. `days_of` tells the same of a record that was read.
    """

    by_day: Mapping[date | None, Sequence[str]]
    beside: Mapping[date, Mapping[date, Sequence[str]]] = field(default_factory=dict)
    days_of: DaysOf = _own_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What came of it; nothing, where nothing was read.

    `missed` are rows that the pages of their day did not show and that there was no budget to read:
    they are read when their turn comes. `not_shown` counts those that the whole of their pages does
    not show, `also_there` those that were asked about besides and are alive. The API does not know
    those that are `absent`; of `days` pages were read. `is_possible`: whether it could be read.
    """

    sightings: Sightings = field(default_factory=Sightings)
    words: Words = field(default_factory=Words)
    missed: Sequence[str] = ()
    not_shown: int = 0
    absent: Collection[str] = ()
    also_there: int = 0
    days: Mapping[date, "DayPages"] = field(default_factory=dict)
    is_possible: bool = True


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
    sightings: Sightings | None = None,
    patience: int = 1,
) -> Reading:
    """Read what the budget allows; `StoppedEarly` after `halt_after` reads that found nothing.

    Nothing is read for the ids in `also`; it is noted where they are seen. Records go to
    `sightings`. After `patience` rows in a row that the API gave no answer for nothing is read.
    """
    reader = _Reader(
        wanted, {*also}, lookup, now, budget, halt_after, patience, sightings or Sightings()
    )
    try:
        await reader.read_all()
    except (_OutOfReach, ScopeMissing):
        return reader.reading(is_possible=False)
    return reader.reading(is_possible=True)


class DayPages:
    """How far the pages of one day were read.

    A page with nothing new on it is the last: so a server that ignores the number of a page, or
    gives the last one again, ends it. Where pages show records twice, their order is not kept. A
    first page of 50 may be one of many: some servers give no more than where nothing is asked for.
    """

    def __init__(self, length: int | None = None) -> None:
        """`length` is that of a full page, where it is known."""
        self.pages = self.hits = self.last_hits = self.shown = 0
        self.is_whole = self.is_shuffled = self.tells_all = False
        self.length, self._is_known = length or PAGE, length is not None
        self._ids: set[str] = set()
        self._places: Counter[tuple[str | None, ...]] = Counter()

    def note(self, records: Sequence[Record], *, hits: int) -> bool:
        """One more page was read, and `hits` records on it were wanted. Tells if it is the last."""
        before = len(self._ids)
        self._ids.update(one.appointment_id for one in records)
        self.pages += 1
        self.shown = len(self._ids)
        self.hits, self.last_hits = self.hits + hits, hits
        self._places.update(
            (one.branch_id, one.session, one.label, one.service_id) for one in records
        )
        if self.pages == 1 and not self._is_known and records and len(records) % USUAL_PAGE == 0:
            self.length = min(len(records), PAGE)
        is_end = len(records) < self.length
        # A server that ignores the number of a page is not out of order, and tells no end.
        is_new = is_end or self.shown > before
        self.is_shuffled = self.is_shuffled or (is_new and self._places.total() > self.shown)
        if self.shown == before or is_end:
            self.is_whole = True
            self.tells_all = is_end and not self.is_shuffled
            self._ids.clear()
        return self.is_whole

    def parts(self, rows: int) -> list[dict[str, str]]:
        """Where pages keep no order, the coarsest parts that are likely to fit on a page each.

        So many `rows` are on the day at least. Words are those that its records use.
        """
        if not self.is_shuffled:
            return []
        shown = self._places.total()
        parts: Counter[tuple[str | None, ...]] = Counter()
        for depth in range(1, len(_PART) + 1):
            parts = Counter()
            for place, many in self._places.items():
                parts[place[:depth]] += many
            if all(many * max(rows, shown) < PAGE * shown for many in parts.values()):
                break
        words = [zip(_PART, part, strict=False) for part, _ in parts.most_common()]
        return [{name: word for name, word in one if word is not None} for one in words]


@dataclass(slots=True)
class _Reader:
    """`day_of` has the rows that were not seen yet, `left` counts them by their day."""

    wanted: Wanted
    also: set[str]
    lookup: Lookup
    now: Now
    budget: Budget
    halt_after: int
    patience: int
    sightings: Sightings
    words: Words = field(default_factory=Words)
    days: dict[date, DayPages] = field(default_factory=dict)
    day_of: dict[str, date | None] = field(init=False)
    left: Counter[date | None] = field(init=False)
    seen: set[str] = field(default_factory=set)
    also_there: set[str] = field(default_factory=set)
    to_read: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    unanswered: int = 0
    streak: list[str] = field(default_factory=list)
    all_ids: list[str] = field(default_factory=list)
    not_shown: int = 0
    misses_left: int = MAX_MISSES

    def __post_init__(self) -> None:
        self.day_of = {one: day for day, ids in self.wanted.by_day.items() for one in ids}
        self.left = Counter(self.day_of.values())

    def reading(self, *, is_possible: bool) -> Reading:
        return Reading(
            sightings=self.sightings,
            words=self.words,
            missed=sorted((self.to_read & self.day_of.keys()) - self.absent),
            not_shown=self.not_shown,
            absent=self.absent - self.unread,
            also_there=len(self.also_there),
            days=self.days,
            is_possible=is_possible,
        )

    async def read_all(self) -> None:
        """Days with most rows first: there a page saves most."""
        days = [day for day in self.wanted.by_day if day is not None]
        alone = []
        for day in sorted(days, key=lambda one: (-self.left[one], one)):
            if self.left[day] > 1:
                await self._read_day(day)
            else:  # a page would cost as much as the record, and might not tell
                alone += self._unseen(day)
        for ids in (alone, self._unseen(None), sorted(self.to_read)):
            await self._read_singly(ids)

    async def _read_day(self, day: date) -> None:
        """The pages of a day that rows name, and of the days beside it that may show them."""
        rows = self.left[day]
        is_cut = await self._read_pages(
            day,
            lambda one: self.left[day] > one.pages and (one.hits > 0 or one.pages < ENOUGH_PAGES),
        )
        if not (is_cut or self.days[day].is_whole or self.days[day].hits):
            # None of them so far: is it their day at all? One tells, and where they are.
            found = await self._read_singly(self._unseen(day)[:1])
            if [one.date for one in found] == [day]:
                is_cut = await self._read_pages(day, lambda one: self.left[day] > one.pages)
        others = self.wanted.beside.get(day, {}).items()
        beside = [other for other, ids in others if not self.day_of.keys().isdisjoint(ids)]
        for other in beside:
            if self.left[day] > 1:
                is_cut |= await self._read_pages(other, lambda one: self.left[day] > one.pages)
        if is_cut:
            return  # whether further pages would have shown the others is not known
        missing = self._unseen(day)
        self.to_read.update(missing)
        if all(one in self.days and self.days[one].is_whole for one in (day, *beside)):
            self.not_shown += len(missing)
        if len(missing) * 2 > rows:
            await self._read_singly(missing[:1])

    async def _read_singly(self, ids: Iterable[str]) -> list[Record]:
        """Records one by one; where one is on a day of which nothing was read, that day's pages."""
        found = []
        for one in ids:
            if one not in self.day_of or one in self.absent:
                continue
            said = self.day_of[one]
            if not self.budget.spend():
                break
            record = await self._read_row(one)
            if record is not None:
                found.append(record)
                await self._read_near(record, said)
        return found

    async def _read_near(self, record: Record, said: date | None) -> None:
        """The pages of the days on which one row was found, as long as they show others."""
        if not self._may_pay() or (said is not None and record.date in {said, *self.days}):
            return
        for day in await self.wanted.days_of(record):
            if day in {said, *self.days} or not self._may_pay():
                continue
            before = len(self.day_of)
            await self._read_pages(day, lambda one: one.last_hits >= MIN_HITS and bool(self.day_of))
            has_paid = before - len(self.day_of) >= MIN_HITS
            self.misses_left = MAX_MISSES if has_paid else self.misses_left - 1

    def _may_pay(self) -> bool:
        return self.misses_left > 0 and len(self.day_of) >= MIN_HITS

    async def _read_row(self, appointment_id: str) -> Record | None:
        answer = await self.lookup.read(appointment_id)
        if answer.record is not None:
            self.unanswered = 0
            self._take([answer.record], page=None)
            return answer.record
        if answer.is_worth_retrying:
            self.unanswered += 1
            if self.unanswered >= self.patience:
                raise _OutOfReach
            return None
        self.absent.add(appointment_id)
        if answer.meaning is not Meaning.ABSENT:
            self.unread.add(appointment_id)
        if self.streak and self._is_any_seen_between(self.streak[-1], appointment_id):
            self.streak.clear()
        self.streak.append(appointment_id)
        if len(self.streak) >= self.halt_after:
            raise StoppedEarly(
                f"the API knows none of {len(self.streak)} appointments in a row",
                hint="Does the key belong to this clinic? Nothing is ever deleted there. With the "
                "right key the same command goes on; if these ids are nowhere, raise --halt-after. "
                "Nothing was sent.",
            )
        return None

    def _is_any_seen_between(self, *two: str) -> bool:
        """Whether a row between two of them is there, in the order in which rows are taken up.

        Only rows that are not shown are read singly, so the order of reading tells nothing.
        """
        self.all_ids = self.all_ids or sorted(chain.from_iterable(self.wanted.by_day.values()))
        begin, end = (bisect_left(self.all_ids, one) for one in sorted(two))
        return any(one not in self.day_of for one in self.all_ids[begin:end])

    async def _read_pages(self, day: date, is_worth: Callable[[DayPages], bool]) -> bool:
        """Pages, from the first that was not read yet, until they end or are not worth it.

        Tells whether they were cut: by the budget, or because no others than those are to be had.
        """
        of_day = self.days.setdefault(day, DayPages())
        while not of_day.is_whole:
            if not self.budget.spend():
                return True
            records = await self._page(day, of_day.pages + 1)
            is_last = of_day.note(records, hits=self._take(records, page=day))
            parts = of_day.parts(len(self.wanted.by_day.get(day, ())))
            if 1 < len(parts) < self._left_on(day):
                of_day.is_whole = True
                return await self._read_parts(day, parts, length=of_day.length)
            if is_last and of_day.is_shuffled:
                await self._read_again(day, full=of_day.pages - 1, shown=of_day.shown)
            if not is_last and not is_worth(of_day):
                return False
        return not (of_day.tells_all or of_day.is_shuffled)

    async def _read_parts(
        self, day: date, parts: Iterable[Mapping[str, str]], *, length: int
    ) -> bool:
        """Parts of a day whose pages keep no order: what fits on one page has none to keep."""
        for part in parts:
            pages = DayPages(length)
            while not pages.is_whole and self._left_on(day) > pages.pages:
                if not self.budget.spend():
                    return True
                found = await self._page(day, pages.pages + 1, part)
                pages.note(found, hits=self._take(found, page=day))
        return False

    def _left_on(self, day: date) -> int:
        """Rows that name no day may be on any."""
        return self.left[day] + self.left[None]

    async def _read_again(self, day: date, *, full: int, shown: int) -> None:
        """The full pages of a day, over and over, as long as they are likely to show new rows."""
        number = 0
        while self._left_on(day) * PAGE > shown and self.budget.spend():
            records = await self._page(day, number % full + 1)
            if self._take(records, page=day) == 0:
                return
            number += 1

    async def _page(
        self, day: date, number: int, part: Mapping[str, str] = NOTHING
    ) -> list[Record]:
        found = await self.lookup.page_of_day(day, page=number, part=part)
        if found is None:
            raise _OutOfReach
        return found

    def _take(self, records: Iterable[Record], *, page: date | None) -> int:
        """Keep those that are wanted, and tell how many of them are new."""
        hits, again = [], []
        for one in records:
            self.words.note(one.date, session=one.session, branch_id=one.branch_id)
            if one.appointment_id in self.day_of:
                self.left[self.day_of.pop(one.appointment_id)] -= 1
                self.seen.add(one.appointment_id)
                hits.append(one)
            elif one.appointment_id in self.seen:
                again.append(one)
            elif one.appointment_id in self.also and one.status != "cancelled":
                self.also_there.add(one.appointment_id)
        self.sightings.add([*hits, *again], at=self.now(), page=page)
        return len(hits)

    def _unseen(self, day: date | None) -> list[str]:
        return [one for one in self.wanted.by_day.get(day, ()) if one in self.day_of]

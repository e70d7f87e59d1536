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
from functools import cached_property
from itertools import chain, cycle

from batchcancel.api import NOTHING, PAGE, Ask, Lookup, Meaning, Page, Record
from batchcancel.clock import Now
from batchcancel.errors import ScopeMissing, StoppedEarly, Unreachable
from batchcancel.policy.day_pages import DayPages, parts_of_day
from batchcancel.policy.records import Records, Words

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
        has_one = self.left > 0
        self.left -= has_one
        return has_one


DaysOf = Callable[[Record], Awaitable[Iterable[date]]]


async def _own_day(record: Record) -> Iterable[date]:
    return () if record.date is None else (record.date,)


@dataclass(kw_only=True)
class Reading:
    """Reads what the budget allows of some rows, and has what came of it.

    `by_day` has the rows by the day whose pages should show them, None where none is named.
    `beside` tells of some, by their day, on which other days their pages may be: days of the API's
    searches begin at midnight in UTC. `days_of` tells the same of a record that was read.
    Nothing is read for the ids in `also`; it is noted where they are seen and alive (`also_there`).
    Records go to `records`. `StoppedEarly` after `halt_after` reads that found nothing; after
    `patience` rows in a row that the API gave no answer for nothing is read.

    `not_shown` counts rows that the whole of their pages does not show, `absent` are those that the
    API does not know. `days` are those of which pages were read. `is_possible` tells whether the
    key may read; where the API did not show what was asked for, it `is_cut_short`.
    """

    by_day: Mapping[date | None, Sequence[str]]
    beside: Mapping[date, Mapping[date, Sequence[str]]] = field(default_factory=dict)
    days_of: DaysOf = _own_day
    lookup: Lookup
    now: Now
    budget: Budget
    halt_after: int
    also: Collection[str] = frozenset()
    patience: int = 1
    records: Records = field(default_factory=Records)
    words: Words = field(default_factory=Words)
    days: dict[date, DayPages] = field(default_factory=dict)
    not_shown: int = 0
    absent: set[str] = field(default_factory=set)
    also_there: set[str] = field(default_factory=set)
    is_possible: bool = False
    is_cut_short: bool = False

    def __post_init__(self) -> None:
        self._day_of = {one: day for day, ids in self.by_day.items() for one in ids}
        """Of the rows that were not seen yet; `_left` counts them."""
        self._left = Counter(self._day_of.values())
        self._seen: set[str] = set()
        self._to_read: set[str] = set()
        self._without_record: set[str] = set()
        self._unanswered = 0
        self._streak: list[str] = []
        self._misses_left = MAX_MISSES

    @property
    def missed(self) -> list[str]:
        """Rows that the pages of their day did not show and that there was no budget to read.

        They are read when their turn comes. So are those not seen before the API fell silent.
        """
        return sorted((self._to_read & self._day_of.keys()) - self.absent)

    async def read(self) -> "Reading":
        """Read it all; what cannot be had ends it."""
        try:
            await self._read_all()
        except Unreachable:
            self.is_cut_short = True
            self._to_read.update(self._day_of)
        except ScopeMissing:
            return self
        self.is_possible = True
        return self

    async def _read_all(self) -> None:
        """Days with most rows first: there a page saves most."""
        days = [day for day in self.by_day if day is not None]
        alone = []
        for day in sorted(days, key=lambda one: (-self._left[one], one)):
            if self._left[day] > 1:
                await self._read_day(day)
            else:  # a page would cost as much as the record, and might not tell
                alone += self._unseen(day)
        for ids in (alone, self._unseen(None), sorted(self._to_read)):
            await self._read_singly(ids)

    async def _read_day(self, day: date) -> None:
        """The pages of a day that rows name, and of the days beside it that may show them."""
        rows = self._left[day]
        is_cut = await self._read_pages(
            day,
            lambda one: self._left[day] > one.pages and (one.hits > 0 or one.pages < ENOUGH_PAGES),
        )
        if not (is_cut or self.days[day].is_whole or self.days[day].hits):
            # None of them so far: is it their day at all? One tells, and where they are.
            found = await self._read_singly(self._unseen(day)[:1])
            if [one.date for one in found] == [day]:
                is_cut = await self._read_pages(day, lambda one: self._left[day] > one.pages)
        others = self.beside.get(day, {}).items()
        beside = [other for other, ids in others if not self._day_of.keys().isdisjoint(ids)]
        for other in beside:
            if self._left[day] > 1:
                is_cut |= await self._read_pages(other, lambda one: self._left[day] > one.pages)
        if is_cut:
            return  # whether further pages would have shown the others is not known
        missing = self._unseen(day)
        self._to_read.update(missing)
        if all(one in self.days and self.days[one].is_whole for one in (day, *beside)):
            self.not_shown += len(missing)
        if len(missing) * 2 > rows:
            await self._read_singly(missing[:1])

    async def _read_singly(self, ids: Iterable[str]) -> list[Record]:
        """Records one by one; where one is on a day of which nothing was read, that day's pages."""
        found = []
        for one in ids:
            if one not in self._day_of or one in self._without_record:
                continue
            said = self._day_of[one]
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
        for day in await self.days_of(record):
            if day in {said, *self.days} or not self._may_pay():
                continue
            before = len(self._day_of)
            await self._read_pages(
                day, lambda one: one.last_hits >= MIN_HITS and bool(self._day_of)
            )
            has_paid = before - len(self._day_of) >= MIN_HITS
            self._misses_left = MAX_MISSES if has_paid else self._misses_left - 1

    def _may_pay(self) -> bool:
        return self._misses_left > 0 and len(self._day_of) >= MIN_HITS

    async def _read_row(self, appointment_id: str) -> Record | None:
        answer = await self.lookup.read(appointment_id)
        if answer.record is not None:
            self._unanswered = 0
            self._take([answer.record], page=None)
            return answer.record
        if answer.is_worth_retrying:
            self._unanswered += 1
            if self._unanswered >= self.patience:
                raise Unreachable(answer.code, ask=Ask.READ.path)
            return None
        self._without_record.add(appointment_id)
        (self.absent if answer.meaning is Meaning.ABSENT else self._to_read).add(appointment_id)
        if self._streak and self._is_any_seen_between(self._streak[-1], appointment_id):
            self._streak.clear()
        self._streak.append(appointment_id)
        if len(self._streak) >= self.halt_after:
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
        begin, end = (bisect_left(self._all_ids, one) for one in sorted(two))
        return any(one not in self._day_of for one in self._all_ids[begin:end])

    @cached_property
    def _all_ids(self) -> list[str]:
        return sorted(chain.from_iterable(self.by_day.values()))

    async def _read_pages(self, day: date, is_worth: Callable[[DayPages], bool]) -> bool:
        """Pages, from the first that was not read yet, until they end or are not worth it.

        Tells whether they were cut: by the budget, or because no others than those are to be had.
        """
        of_day = self.days.setdefault(day, DayPages())
        while not of_day.is_whole:
            if not self.budget.spend():
                return True
            is_last = of_day.note(*await self._page(day, of_day.pages + 1))
            if is_last and of_day.is_shuffled:
                parts = parts_of_day(of_day.places, len(self.by_day.get(day, ())))
                if 1 < len(parts) < self._rows_left_on(day):
                    return await self._read_parts(day, parts, length=of_day.length)
                await self._read_again(day, of_day)
            if not is_last and not is_worth(of_day):
                return False
        return not (of_day.tells_all or of_day.is_shuffled)

    async def _read_parts(
        self, day: date, parts: Iterable[Mapping[str, str]], *, length: int
    ) -> bool:
        """What fits on one page has no order to keep."""
        for part in parts:
            pages = DayPages(length)
            while not pages.is_whole and self._rows_left_on(day) > pages.pages:
                if not self.budget.spend():
                    return True
                pages.note(*await self._page(day, pages.pages + 1, part))
        return False

    def _rows_left_on(self, day: date) -> int:
        """Rows that name no day may be on any."""
        return self._left[day] + self._left[None]

    async def _read_again(self, day: date, of_day: DayPages) -> None:
        """The full pages of a day, over and over, as long as they are likely to show new rows."""
        numbers = cycle(range(1, of_day.full + 1))
        while self._rows_left_on(day) * PAGE > of_day.shown and self.budget.spend():
            page, hits = await self._page(day, next(numbers))
            of_day.shown_again(page.records)
            if not hits:
                return

    async def _page(
        self, day: date, number: int, part: Mapping[str, str] = NOTHING
    ) -> tuple[Page, int]:
        """One page, and how many of the rows not seen so far it shows."""
        found = await self.lookup.page_of_day(day, page=number, part=part)
        if found is None:
            raise Unreachable("unreadable_answer", ask=Ask.SEARCH.path)
        return found, self._take(found.records, page=day)

    def _take(self, records: Iterable[Record], *, page: date | None) -> int:
        """Keep those that are wanted, and tell how many of them are new."""
        wanted, before = [], len(self._day_of)
        for one in records:
            self.words.note(one.date, session=one.session, branch_id=one.branch_id)
            if one.appointment_id in self._day_of:
                self._left[self._day_of.pop(one.appointment_id)] -= 1
                self._seen.add(one.appointment_id)
            if one.appointment_id in self._seen:
                wanted.append(one)
            elif one.appointment_id in self.also and one.status != "cancelled":
                self.also_there.add(one.appointment_id)
        self.records.add(wanted, at=self.now(), page=page)
        return before - len(self._day_of)

    def _unseen(self, day: date | None) -> list[str]:
        return [one for one in self.by_day.get(day, ()) if one in self._day_of]

"""Search for all appointments of some days: complete, or it is known that it may not be.

Records of a day have no order that pages keep, and others are booked and moved while one pages. So
a day is asked for in parts whose answers are shorter than a page, and are whole by themselves. Its
last page then tells how many there are in all, in whatever order. What cannot be split is read in
passes: one with no record shown twice is proof where the calendar counts as many, before and after,
and two that agree are. So is a union that has as many records as the last page counts before and
after; where pages tell no end, the calendar counts.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from batchcancel.api import PAGE, Calendar, Page, Record, Searches, Window
from batchcancel.errors import InputError
from batchcancel.reader.parts import Part, Places, place_of

TRIES = 3
"""So many readings of a day that changes meanwhile."""

MORE_PAGES = 50
"""So many pages in all are read beyond that, where pages keep no order."""

_MOST_PAGES = 5_000
_ROUND = 25
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

Shown = dict[str, Record]


class How(IntEnum):
    """What proves that nothing is missing, the surest first; of several parts the last counts."""

    WHOLE_ANSWERS = 0
    TWO_PASSES = 1
    COUNTED = 2
    CALENDAR = 3
    UNPROVED = 4


@dataclass(slots=True)
class Found:
    """The records that were shown, by id; `doubts` say in words why nothing proves that is all."""

    records: Shown = field(default_factory=dict)
    how: How = How.WHOLE_ANSWERS
    doubts: list[str] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        self.records |= other.records
        self.how = max(self.how, other.how)
        self.doubts += other.doubts


async def search(
    roots: Mapping[Part, Sequence[Window]], *, lookup: Searches, calendar: Calendar, since: datetime
) -> dict[Part, Found]:
    """Read each of the roots to its end; the windows are what the calendar listed for it `since`.

    Where several answers make up the whole, they are held against how many there are at the end:
    somebody may have been moved from one to another that was read already.
    """
    reader = _Reader(lookup, calendar, since)
    places = {root: Places(windows) for root, windows in roots.items()}
    found: dict[Part, Found] = {}
    left = list(roots)
    for _ in range(TRIES):
        for root in left:
            found[root] = await reader.read(root, places[root], roots[root])
        left = [
            root
            for root in left
            if found[root].how is not How.UNPROVED
            and (len(roots) > 1 or root in reader.split | reader.refused)
            if not await reader.is_still_so(root, found[root], places[root])
        ]
        if not left:
            break
    for root in left:
        doubt = f"{root}: it goes on changing, or has appointments in no part that can be asked for"
        found[root].add(Found(how=How.UNPROVED, doubts=[doubt]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    records: Shown
    is_clean: bool
    length: int
    count: int | None
    """How many there were by its last page; None where there was none to be had."""


class _Reader:
    def __init__(self, lookup: Searches, calendar: Calendar, since: datetime) -> None:
        self._lookup, self._calendar, self._since = lookup, calendar, since
        self._length, self._longest = PAGE, 0
        self._pages_left = MORE_PAGES
        self._keeps_order = True
        self.split: set[Part] = set()
        """The roots that were asked for in parts."""
        self.refused: set[Part] = set()
        """Those of which the API would not list some part."""

    async def read(self, root: Part, places: Places, windows: Sequence[Window]) -> Found:
        self._root, self._places, self._windows = root, places, windows
        self.split.discard(root)
        self.refused.discard(root)
        self._is_readable = True
        found = await self._read(root)
        if not self._is_readable:
            doubt = f"{root}: some of its records cannot be read"
            found.add(Found(how=How.UNPROVED, doubts=[doubt]))
        return found

    async def is_still_so(self, root: Part, found: Found, places: Places) -> bool:
        """Whether there are as many as were found: the last page tells, in whatever order."""
        full, rest = divmod(len(found.records), self._length)
        page = await self._ask(root, full + 1)
        if page is None:
            return False
        places.note(page.records)
        if any(one.appointment_id not in found.records for one in page.records):
            return False
        if page.length == rest or full == 0 or page.length < self._longest or root in self.refused:
            return page.length == rest
        # A server that ignores the number of a page, or gives the last one again, tells nothing.
        again = await self._ask(root, full + 2)
        return again is not None and _by_id(again.records).keys() == _by_id(page.records).keys()

    async def _read(self, part: Part) -> Found:
        first = None
        is_surely_long = self._places.at_least(part) >= self._length
        by, is_cheap = self._places.split(part, length=self._length)
        # Not before it is known how long a page can be: else one of 100 might be the first of many.
        if not (is_surely_long and is_cheap and self._longest == PAGE):
            first = await self._first_page(part)
            if first is None:  # maybe nobody is there: the count at the end has to tell
                self.refused.add(self._root)
                return Found(how=How.COUNTED)
            if self._is_whole(first):
                return Found(_by_id(first.records))
            by, is_cheap = self._places.split(part, length=self._length)
        if by is None or (self._keeps_order and not is_cheap):
            found = await self._in_passes(part, first, is_last_resort=by is None)
            if found is not None or by is None:
                return found or Found(how=How.UNPROVED)
        return await self._read_parts(part, by)

    async def _first_page(self, part: Part) -> Page | None:
        page = await self._ask(part, 1)
        if page is None and not any(part[1:]):
            raise InputError(
                f"the API refuses to list the appointments of {part}",
                hint="Check --base-url: it ends with the API's version, /v1.",
            )
        if page is not None and _is_round(page) and page.length < self._places.at_least(part):
            self._length = min(self._length, page.length)
        return page

    async def _read_parts(self, part: Part, by: str) -> Found:
        """Those that are known, and those that come to be known while they are read."""
        self.split.add(self._root)
        found, done = Found(), set[Part]()
        while left := [one for one in self._places.parts(part, by) if one not in done]:
            found.add(await self._read(left[0]))
            done.add(left[0])
        return found

    async def _in_passes(
        self, part: Part, first: Page | None, *, is_last_resort: bool
    ) -> Found | None:
        """None where its parts have to be read instead."""
        one = await self._pass(part, first)
        shown, count = one.records, one.count
        if one.is_clean:
            if await self._is_as_counted(part, shown.values()):
                return Found(shown, How.CALENDAR)
            again = await self._pass(part, None)
            if again.is_clean and again.records.keys() == one.records.keys():
                return Found(again.records, How.TWO_PASSES)
            shown, count = shown | again.records, again.count
        if not is_last_resort:
            return None
        if count is None:
            return await self._by_calendar(part, shown)
        return await self._counted(part, shown, count, length=one.length)

    async def _pass(self, part: Part, first: Page | None) -> _Pass:
        records: Shown = {}
        is_clean, length, shown = True, self._length, 0
        for number in range(1, _MOST_PAGES):
            page = first if number == 1 and first else await self._ask(part, number)
            if page is None:
                break
            new = _by_id(page.records).keys() - records.keys()
            records |= _by_id(page.records)
            is_clean = is_clean and len(new) == page.length
            shown += page.length
            if number == 1:
                is_end, length = self._is_whole(page), page.length
            else:
                is_end = page.length < length
                self._length = min(self._length, length) if new else self._length
            if is_end:
                self._keeps_order = self._keeps_order and is_clean
                return _Pass(records=records, is_clean=is_clean, length=length, count=shown)
            if not new:
                break
        return _Pass(records=records, is_clean=False, length=length, count=None)

    async def _counted(self, part: Part, shown: Shown, count: int, *, length: int) -> Found:
        """Read pages until they have shown as many as there are, before and after.

        What was `shown` before the first count does not count: it may have left by then.
        """
        union: Shown = {}
        turn = 0
        while self._pages_left > 0:
            self._pages_left -= 1
            full, is_count = count // length, len(union) >= count
            number = full + 1 if is_count else turn % max(full, 1) + 1
            turn += 1
            page = await self._ask(part, number)
            if page is None:
                break
            union |= _by_id(page.records)
            now = (number - 1) * length + page.length
            if page.length < length:
                if is_count and now == count == len(union):
                    return Found(union, How.COUNTED)
                if now < len(union):  # somebody left, and who did is not known
                    union.clear()
                count = now
            elif is_count:
                count = now
        doubt = f"{part}: its pages keep no order, and showed {len(union):,} of {count:,}"
        return Found(shown | union, How.UNPROVED, [doubt])

    async def _is_as_counted(self, part: Part, shown: Collection[Record]) -> bool:
        """Whether the calendar counted just these, and does again; so nobody may have come since.

        Place by place: one that it does not list could make up for what is missing elsewhere. It
        may count those that were moved, or not.
        """
        filled = {p: many for p, many in self._places.filled.items() if part.has(p)}
        confirmed = Counter(place_of(one) for one in shown if one.status == "confirmed")
        moved = Counter(place_of(one) for one in shown if one.status == "rescheduled")
        is_still = all(
            one.date == part.day and one.updated_at is not None and one.updated_at < self._since
            for one in shown
        )
        before = filled_in(self._windows, part)
        if not before or not is_still or Counter(filled) not in (confirmed, confirmed + moved):
            return False
        return before == filled_in(await self._calendar.windows(part.day, anew=True) or (), part)

    async def _by_calendar(self, part: Part, shown: Shown) -> Found:
        """The calendar counts too, and by itself."""
        if await self._is_as_counted(part, shown.values()):
            return Found(shown, How.CALENDAR)
        filled = filled_in(self._windows, part)
        doubt = f"{part}: its pages show no end, and {len(shown):,} appointments"
        told = "" if filled is None else f"; the calendar counts {filled:,}"
        return Found(shown, How.UNPROVED, [doubt + told])

    def _is_whole(self, page: Page) -> bool:
        """Whether a first page is all there is; some servers give no more than 50, or 100."""
        may_be_cut = _is_round(page) and page.length >= self._longest
        return page.length == 0 or not (page.length >= self._length or may_be_cut)

    async def _ask(self, part: Part, number: int) -> Page | None:
        page = await self._lookup.page(part.query, page=number)
        if page is None:
            return None
        # Of one without a day nobody knows whether it is meant.
        readable = [one for one in page.records if _ID.fullmatch(one.appointment_id) and one.date]
        self._is_readable = self._is_readable and len(readable) == page.length
        self._longest = max(self._longest, page.length)
        self._places.note(readable)
        return Page(readable, page.length)


def filled_in(windows: Iterable[Window], part: Part) -> int | None:
    """How many the calendar counts in the windows of a part; None where it does not tell."""
    counts = [one.filled for one in windows if part.has(place_of(one))]
    told = [count for count in counts if count is not None]
    return sum(told) if told and len(told) == len(counts) else None


def _by_id(records: Iterable[Record]) -> Shown:
    return {one.appointment_id: one for one in records}


def _is_round(page: Page) -> bool:
    return page.length > 0 and page.length % _ROUND == 0

"""Reading back: what the API shows now of appointments whose ids and days are known.

The pages of a day first, as far as they show more rows than they cost; where they keep no order,
the parts of the day that fit on a page each; what is left one by one.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from batchcancel.api import PAGE, USUAL_PAGE, Lookup, Meaning, Record
from batchcancel.errors import StoppedEarly
from batchcancel.policy.pages import MAX_MISSES, MIN_HITS, Budget

_QUERY = ("branch_id", "session", "batch", "appointment_type")


class Shown(NamedTuple):
    """A record, and the day whose pages showed it; None where it was read by itself."""

    record: Record
    page: date | None


@dataclass(frozen=True, slots=True)
class Back:
    """What came of it, by id; rows that are neither shown nor unknown to the API were not read."""

    shown: dict[str, Shown] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)


class _Spent(Exception):  # noqa: N818 - a decision, not an error
    """No further request may be spent."""


async def read_back(
    days: Mapping[str, date | None], *, lookup: Lookup, budget: Budget, halt_after: int
) -> Back:
    """Read the appointments of these ids; None for a day that is not known.

    `StoppedEarly` after `halt_after` reads in a row that gave no record, `ScopeMissing` where the
    key may not read.
    """
    reader = _Reader(days, lookup, budget, halt_after)
    with suppress(_Spent):
        await reader.read_all()
    return reader.back


class _Reader:
    def __init__(
        self, days: Mapping[str, date | None], lookup: Lookup, budget: Budget, halt_after: int
    ) -> None:
        self._unseen = dict(days)
        self._rows, self._left = Counter(days.values()), Counter(days.values())
        self._lookup, self._budget, self._halt_after = lookup, budget, halt_after
        self._read: set[date] = set()
        self._failed = self._misses = self._longest = 0
        self.back = Back()

    async def read_all(self) -> None:
        """Days with most rows first: there a page saves most. One row is read by itself."""
        for day, rows in self._rows.most_common():
            if day is not None and rows > 1:
                await self._read_day(day)
        for one in sorted(self._unseen, key=lambda one: (str(self._unseen[one]), one)):
            if one in self._unseen:
                await self._read_singly(one)

    async def _read_day(self, day: date) -> None:
        self._read.add(day)
        places = await self._read_pages(day, {})
        for part in _parts(places, rows=max(self._rows[day], places.total())):
            if self._left_on(day):
                await self._read_pages(day, part, is_part=True)

    def _left_on(self, day: date) -> int:
        """How many rows its pages may show; of a day that no row names, any of them."""
        return self._left[day] if day in self._rows else len(self._unseen)

    async def _read_pages(
        self, day: date, part: Mapping[str, str], *, is_part: bool = False
    ) -> Counter[tuple[str | None, ...]]:
        """Pages while they pay; the places they show, where they keep no order, else nothing.

        Those of a part that does not fit on one are read over and over, as long as they are likely
        to show new rows.
        """
        places, shown = Counter[tuple[str | None, ...]](), set[str]()
        number, is_shuffled = 0, False
        while self._left_on(day) > number:
            number += 1
            found = await self._page(day, part, number)
            new = {one.appointment_id for one in found} - shown
            shown |= new
            hits = self._take(found, page=day)
            places.update((one.branch_id, one.session, one.label, one.service_id) for one in found)
            is_shuffled = is_shuffled or 0 < len(new) < len(found)
            if is_shuffled and not is_part:
                return places
            self._misses += (is_miss := hits < MIN_HITS and day not in self._rows)
            if is_miss or not new or len(found) % USUAL_PAGE or len(found) < self._longest:
                break
        again = 0
        while is_shuffled and self._left_on(day) * PAGE > len(shown):
            if not self._take(await self._page(day, part, again % number + 1), page=day):
                break
            again += 1
        return Counter()

    async def _page(self, day: date, part: Mapping[str, str], number: int) -> list[Record]:
        self._spend()
        page = await self._lookup.page({"date": day.isoformat(), **part}, page=number)
        found = [] if page is None else page.records
        self._longest = max(self._longest, len(found))  # some servers give no more than 50, or 100
        return found

    async def _read_singly(self, one: str) -> None:
        self._spend()
        answer = await self._lookup.read(one)
        if answer.record is None:
            self._left[self._unseen.pop(one)] -= 1
            self._fail(one, answer.meaning, answer.code)
            return
        self._failed = 0
        self._take([answer.record], page=None)
        day = answer.record.date
        is_new = day is not None and day not in self._read and self._misses < MAX_MISSES
        # Staff may have moved many of them, and to the same day.
        if day is not None and is_new and len(self._unseen) >= MIN_HITS:
            await self._read_day(day)

    def _fail(self, one: str, meaning: Meaning, code: str) -> None:
        self._failed += 1
        if meaning is Meaning.ABSENT:
            self.back.absent.add(one)
        is_known_clinic = meaning is Meaning.ABSENT and self.back.shown
        if self._failed >= self._halt_after and not is_known_clinic:
            raise StoppedEarly(
                f"{self._failed} appointments in a row could not be read, the last for {code}",
                hint="Is the API there, and does the key belong to this clinic? Then run the same "
                "command again; --halt-after sets how many are too many. Nothing was sent.",
            )

    def _take(self, records: list[Record], *, page: date | None) -> int:
        hits = [one for one in records if one.appointment_id in self._unseen]
        for one in hits:
            self._left[self._unseen.pop(one.appointment_id)] -= 1
            self.back.shown[one.appointment_id] = Shown(one, page)
        return len(hits)

    def _spend(self) -> None:
        if not self._budget.spend():
            raise _Spent


def _parts(places: Counter[tuple[str | None, ...]], *, rows: int) -> list[dict[str, str]]:
    """The coarsest parts that are likely to fit on a page each; the finest where none are."""
    parts = Counter[tuple[str | None, ...]]()
    for depth in range(1, len(_QUERY) + 1):
        parts.clear()
        for place, many in places.items():
            parts[place[:depth]] += many
        if all(many * rows < PAGE * places.total() for many in parts.values()):
            break
    return [
        {name: word for name, word in zip(_QUERY, part, strict=False) if word is not None}
        for part, _ in parts.most_common()
    ]

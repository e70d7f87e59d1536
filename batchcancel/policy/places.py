"""Free places of calendar windows: counted by the API, and reserved one by one.

A place that was freed can be booked again at once, by the voice agent too, and a PATCH may not ask
whether there is one. So an appointment has its place reserved before it is restored, and what was
counted long ago is counted anew.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

import anyio

from batchcancel.api import Lookup, Record, Window
from batchcancel.appointments import differ
from batchcancel.clock import Now
from batchcancel.ledger.contract import CancelledRow

GOOD_FOR = timedelta(minutes=1)
"""For so long a count is believed."""

_Key = tuple[str | None, str | None, str | None]


@dataclass(slots=True)
class _Day:
    """What the calendar counted, and what its count may not have: places reserved, and taken.

    It `is_exact` where nothing was on its way meanwhile: what is may be in the count as well.
    """

    counted_at: datetime | None = None
    free: Counter[_Key] = field(default_factory=Counter)
    held: Counter[_Key] = field(default_factory=Counter)
    taken: Counter[_Key] = field(default_factory=Counter)
    sending: int = 0
    is_exact: bool = False
    landed: anyio.Event = field(default_factory=anyio.Event)

    def left(self, key: _Key) -> int:
        return self.free[key] - self.held[key] - self.taken[key]


class Place(NamedTuple):
    """A place that is reserved for one appointment, in the windows of a day with this key."""

    day: date
    key: _Key


class Places:
    """The places of the days in question."""

    def __init__(self, lookup: Lookup, *, now: Now) -> None:
        self._lookup = lookup
        self._now = now
        self._days: dict[date, _Day] = {}
        self._counting = anyio.Lock()

    async def reserve(self, where: Record | CancelledRow) -> Place | None:
        """A place in a window of its branch, session and batch label; None where none is free."""
        if where.date is None:
            return None
        day = await self._counted(where.date)
        mine = where.branch_id, where.session, where.label
        for key in day.free:
            if not any(map(differ, mine, key)) and day.left(key) > 0:
                day.held[key] += 1
                return Place(where.date, key)
        return None

    async def keeps(self, place: Place) -> bool:
        """Whether there is room for it still, by a count that is not old; else it is given back."""
        day = await self._counted(place.day)
        if day.left(place.key) < 0 and not day.is_exact:
            day = await self._counted(place.day, is_exact=True)
        is_kept = day.left(place.key) >= 0
        if not is_kept:
            self.give_back(place)
        return is_kept

    def send(self, place: Place) -> None:
        """It is about to be filled; `land` says that it was found out whether it is."""
        self._days[place.day].sending += 1

    def land(self, place: Place) -> None:
        """So it was, or it is not known and not tried any more."""
        day = self._days[place.day]
        day.sending -= 1
        day.landed.set()

    def give_back(self, place: Place) -> None:
        """It was not needed."""
        self._days[place.day].held[place.key] -= 1

    def take(self, place: Place) -> None:
        """It is filled by now, or may be: a count that begins later has it."""
        self.give_back(place)
        self._days[place.day].taken[place.key] += 1

    async def _counted(self, of: date, *, is_exact: bool = False) -> _Day:
        """By a count that is not old; or by one while nothing was on its way."""
        day = self._days.setdefault(of, _Day())
        # Else all workers would count the same day at once; and nothing is sent meanwhile.
        async with self._counting:
            while day.sending and is_exact and not day.is_exact:
                day.landed = anyio.Event()
                await day.landed.wait()
            began = self._now()
            is_old = day.counted_at is None or began - day.counted_at > GOOD_FOR
            if is_old or (is_exact and not day.is_exact):
                known, day.is_exact = day.taken.copy(), not day.sending
                windows = await self._lookup.windows(of, anew=day.counted_at is not None)
                day.free, day.taken = _free(windows or ()), day.taken - known
                day.counted_at = began
        return day


def _free(windows: Iterable[Window]) -> Counter[_Key]:
    """A window that is closed has none, nor has one that tells none."""
    free: Counter[_Key] = Counter()
    for one in windows:
        free[one.branch_id, one.session, one.label] += (one.free or 0) if one.is_open else 0
    return free

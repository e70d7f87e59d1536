"""Calendar windows that are open where rows would be cancelled: what is freed is offered again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from batchcancel.api import Calendar, Window
from batchcancel.appointments import differ
from batchcancel.errors import Refusal, ScopeMissing
from batchcancel.policy.pages import Budget

Listed = Mapping[date, Sequence[Window]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWindows:
    """How many are open, and the places that can be booked in them already.

    Of `unread` days nobody could tell.
    """

    windows: int = 0
    places: int = 0
    unread: int = 0

    @property
    def told(self) -> str:
        return "1 window is" if self.windows == 1 else f"{self.windows:,} windows are"


async def read_windows(
    days: pl.Series, calendar: Calendar, budget: Budget | None
) -> dict[date, Sequence[Window]]:
    """The windows of days, as far as the budget goes and the key may read them."""
    listed: dict[date, Sequence[Window]] = {}
    for day in days.drop_nulls().unique().sort():
        if budget is not None and not budget.spend():
            break
        try:
            windows = await calendar.windows(day)
        except ScopeMissing:
            break
        if windows is not None:
            listed[day] = windows
    return listed


def open_windows(
    places: Iterable[tuple[date | None, str | None, str | None]], listed: Listed
) -> OpenWindows:
    """Those in which any of the places (day, session, branch) lies."""
    where: dict[date | None, set[tuple[str | None, str | None]]] = {}
    for day, session, branch_id in places:
        where.setdefault(day, set()).add((session, branch_id))
    windows = [
        window
        for day, these in where.items()
        for window in (() if day is None else listed.get(day, ()))
        if window.is_open
        if not all(differ(one, window.session) or differ(at, window.branch_id) for one, at in these)
    ]
    return OpenWindows(
        windows=len(windows),
        places=sum(window.free or 0 for window in windows),
        unread=len(where.keys() - listed.keys()),
    )


def refuse_open(windows: OpenWindows) -> None:
    """Raise `Refusal` unless every window is known to be closed."""
    if not windows.windows and not windows.unread:
        return
    raise Refusal(
        f"{windows.told} still open"
        if windows.windows
        else f"whether the windows of {windows.unread} days are closed is not known",
        hint="Close these days in HuskyVoice's dashboard, then type the same command again; "
        "without --require-closed it goes on all the same. Nothing was sent.",
    )

"""Calendar windows that are open where a manifest's rows lie: what is freed is offered again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from batchcancel.api import Lookup, Window
from batchcancel.appointments import differ
from batchcancel.errors import Refusal, ScopeMissing
from batchcancel.ledger.contract import SettledPlace
from batchcancel.policy.earlier_runs import EarlierRuns, is_among
from batchcancel.policy.named import SAID, named_by
from batchcancel.policy.observed import PLACE, Observed
from batchcancel.policy.pages import Budget
from batchcancel.reader.beside import left_join
from batchcancel.reader.manifest import Manifest

Listed = Mapping[date, Sequence[Window]]
Spot = tuple[date | None, str | None, str | None]
"""A day, a session and a branch; what is None may be any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWindows:
    """How many are open, and the places that can be booked in them already.

    Of `unread` days nobody could tell; where nobody `is_looked` at, nothing is known of any.
    """

    windows: int = 0
    places: int = 0
    unread: int = 0
    is_looked: bool = True

    def as_json(self) -> dict[str, Any]:
        """For machines: null where nobody looked, which is not the same as none."""
        told = {"open": self.windows, "places": self.places, "unread": self.unread}
        return told if self.is_looked else dict.fromkeys(told)

    @property
    def told(self) -> str:
        return "1 window is" if self.windows == 1 else f"{self.windows:,} windows are"


NOT_LOOKED = OpenWindows(is_looked=False)


def spots_of(
    manifest: Manifest, observed: Observed, earlier: EarlierRuns, *,
    settled: Iterable[SettledPlace], timezone: ZoneInfo | None,
) -> Iterator[Spot]:  # fmt: skip
    """Where the rows of a manifest lie: also what is cancelled already frees places there.

    What it leaves open of a row is as the record shows it. What was moved counts where it was
    meant, but for rows that somebody decided to cancel where they are.
    """
    marked = pl.col("marked").is_not_null(), ~is_among(earlier.settled_ids)
    rows = pl.concat([observed.named, named_by(manifest.frame.filter(*marked), timezone)])
    seen = observed.seen.select("appointment_id", *PLACE)
    both = left_join(rows.select("appointment_id", *SAID), seen, ["appointment_id"])
    meant = [pl.coalesce(*names) for names in zip(SAID, PLACE, strict=True)]
    yield from both.select(meant).unique().iter_rows()
    decided = [one.appointment_id for one in earlier.decided if one.decision == "cancel"]
    yield from seen.filter(is_among(decided)).select(PLACE).unique().iter_rows()
    for day, session, branch_id, starts_at in settled:
        yield (
            day or (starts_at and starts_at.astimezone(timezone or UTC).date()),
            session,
            branch_id,
        )


async def read_windows(
    spots: Iterable[Spot], lookup: Lookup, budget: Budget | None
) -> dict[date, Sequence[Window]]:
    """The windows of their days, as far as the budget goes and the key may read them.

    Those that were asked for before cost nothing.
    """
    listed: dict[date, Sequence[Window]] = {}
    for day in sorted({day for day, _, _ in spots if day is not None}):
        if day not in lookup.listed and budget is not None and not budget.spend():
            continue
        try:
            windows = await lookup.windows(day)
        except ScopeMissing:
            break
        if windows is not None:
            listed[day] = windows
    return listed


def open_windows(spots: Iterable[Spot], listed: Listed | None) -> OpenWindows:
    """Those in which any of them lies; None is listed where nobody looked."""
    if listed is None:
        return NOT_LOOKED
    where: dict[date | None, set[tuple[str | None, str | None]]] = {}
    for day, session, branch_id in spots:
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

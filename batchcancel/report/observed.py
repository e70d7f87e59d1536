"""What a plan tells of what it observed: where it would cancel, and what it leaves alone."""

from collections.abc import Iterable
from typing import Any

from batchcancel.appointments import SkipReason
from batchcancel.policy.plan import Planned
from batchcancel.report.tables import Figure, grouped, table

_SHOWN_PLACES, _SHOWN_LENGTH = 16, 36


def places_text(planned: Planned) -> list[str]:
    """A short table of the days, sessions and branches in which rows would be cancelled."""
    places = planned.plan.places
    if not places:
        return []
    figures: list[Figure] = [
        (
            str(one.day or "no day known"),
            grouped(one.rows),
            _named(one.session, planned.branches.get(one.branch_id or "", one.branch_id)),
        )
        for one in places[:_SHOWN_PLACES]
    ]
    if len(places) > _SHOWN_PLACES:
        rest = places[_SHOWN_PLACES:]
        rows = sum(one.rows for one in rest)
        figures.append(("others", grouped(rows), f"in {grouped(len(rest))} more places"))
    return ["", "To be cancelled, by day, session and branch:", *table(figures)]


def observed_figures(planned: Planned) -> Iterable[Figure]:
    """What was seen of how many rows."""
    plan, looked = planned.plan, planned.looked
    if plan.already_cancelled:
        yield "already cancelled", grouped(plan.already_cancelled), "by others; not sent"
    if plan.needs_review:
        yield "needs review", grouped(plan.needs_review), "seen cancelled before, and alive now"
    seen = looked.observed.seen.height
    yield "observed", grouped(seen), "compared with what the API shows now"
    if looked.not_shown:
        yield "  not shown", grouped(looked.not_shown), "by the pages of their day; read singly"
    if looked.absent:
        yield "  not found", grouped(looked.absent), "the API does not know them"


def observed_warnings(planned: Planned) -> Iterable[str]:
    """What somebody must look at."""
    windows, skipped = planned.windows, planned.plan.skipped
    if windows.windows:
        yield (
            f"!! {windows.told} still open, {grouped(windows.places)} "
            "places can be booked meanwhile, by the voice agent too: close the day first."
        )
    elif windows.unread and planned.plan.places:
        yield "!! Whether the calendar windows are closed is not known."
    if moved := skipped.get(SkipReason.MOVED):
        yield (
            f"!! {grouped(moved)} appointments are on another day, session or branch now than the "
            "manifest says, and will NOT be cancelled: somebody must look."
        )
    if unknown := skipped.get(SkipReason.UNKNOWN_STATUS):
        statuses = ", ".join(planned.looked.observed.statuses)
        yield (
            f"!! {grouped(unknown)} appointments have another status than {statuses}, and will NOT "
            "be cancelled: somebody must look. --status names those to be sent."
        )
    if planned.plan.needs_review:
        yield (
            f"!! {grouped(planned.plan.needs_review)} appointments were cancelled by others when "
            "they were last seen, are alive again, and will NOT be cancelled: somebody must look."
        )


def observed_json(planned: Planned) -> dict[str, Any]:
    """The same for machines; `places` are where rows would be cancelled."""
    plan, looked = planned.plan, planned.looked
    return {
        "rows": looked.observed.seen.height,
        "moved": plan.skipped.get(SkipReason.MOVED, 0),
        "completed": plan.skipped.get(SkipReason.COMPLETED, 0),
        "already_cancelled": plan.already_cancelled,
        "unknown_status": plan.skipped.get(SkipReason.UNKNOWN_STATUS, 0),
        "needs_review": plan.needs_review,
        "not_shown": looked.not_shown,
        "not_found": looked.absent,
        "places": [
            {
                "date": one.day and one.day.isoformat(),
                "session": one.session,
                "branch_id": one.branch_id,
                "rows": one.rows,
            }
            for one in plan.places
        ],
    }


def _named(session: str | None, branch_id: str | None) -> str:
    """As literals, cut to a length, so that they can neither steer a terminal nor fill it."""
    told = "no session" if session is None else _plain(session)
    return told if branch_id is None else f"{told}  branch {_plain(branch_id)}"


def _plain(word: str) -> str:
    return repr(word)[1:-1][:_SHOWN_LENGTH]

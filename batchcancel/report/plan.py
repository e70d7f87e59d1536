"""A plan as text and as JSON. Pure: values in, text out."""

from collections.abc import Iterable
from datetime import UTC, timedelta, tzinfo
from typing import Any

from batchcancel.appointments import KnownBy, SkipReason, Start
from batchcancel.policy.plan import Planned
from batchcancel.reader.manifest import Manifest
from batchcancel.report.observed import (
    observed_figures,
    observed_json,
    observed_warnings,
    places_text,
)
from batchcancel.report.tables import SHOWN_ROWS, Figure, duration, grouped, headed, moment, table
from batchcancel.settings.quantities import is_rehearsal

_WHY = {
    SkipReason.ALREADY_STARTED: "their time has come",
    SkipReason.COMPLETED: "the visit took place",
    SkipReason.MOVED: "elsewhere now than the manifest says",
    SkipReason.MARKED_DONE: "by the manifest's column outcome",
    SkipReason.UNKNOWN_STATUS: "neither documented nor named with --status",
}


def beginning(start: Start, zone: tzinfo | None) -> str:
    """A start in words, no more exact than it is known."""
    told = moment(start.earliest, zone)
    match start.known_by:
        case KnownBy.DAY:
            return f"{start.earliest.astimezone(zone):%a %Y-%m-%d}, the day"
        case KnownBy.SESSION:
            return f"{told}, the session"
        case _:
            return told


def plan_text(planned: Planned) -> str:
    """The plan: what will be done, what will not, how long it takes."""
    batch = planned.batch
    parts = [
        headed(
            batch.origin,
            f"Plan for batch {batch.name}: {planned.manifest.source} at {batch.origin}",
        ),
        "",
        *table(_plan_figures(planned)),
        *places_text(planned),
    ]
    rejected = (f"   {line}" for line in planned.manifest.rejected_in_words(SHOWN_ROWS))
    warnings = [*rejected, *observed_warnings(planned), *_plan_warnings(planned)]
    if warnings:
        parts += ["", *warnings]
    parts += ["", f"Approval: {planned.approval}"]
    return "\n".join(parts)


def _plan_figures(planned: Planned) -> Iterable[Figure]:
    plan, zone = planned.plan, planned.rules.timezone
    yield from _read_figures(planned.manifest)
    yield "rows", grouped(plan.rows), _repeated(plan.duplicates)
    yield "rejected rows", grouped(plan.rejected_rows), ""
    yield "settled already", grouped(plan.settled), "in the ledger; never sent again"
    if plan.spent > plan.settled:
        gone = grouped(plan.spent - plan.settled)
        yield "  no longer named", gone, "settled too; caps count them"
    for reason, rows in plan.skipped.items():
        yield f"skipped: {reason}", grouped(rows), _why(reason, planned)
    yield from observed_figures(planned)
    if plan.held_back:
        yield "held back", grouped(plan.held_back), f"by --limit {planned.limit}"
    yield "eligible", grouped(plan.eligible), "to be cancelled"
    if plan.open:
        yield (
            "  of them open",
            grouped(plan.open),
            "read back first: they may be cancelled already",
        )
    if plan.look_ups - plan.open > 0:
        yield "  start unknown", grouped(plan.look_ups - plan.open), "looked up in their turn"
    if plan.first_start and plan.last_start:
        yield "first start", "", beginning(plan.first_start, zone)
        yield "last start", "", beginning(plan.last_start, zone)
    yield "requests", grouped(plan.requests), f"at {planned.rate}"
    yield "time", "", _time_needed(planned)
    if plan.requests:
        yield "daily quota", "", _quota(planned)
    yield "miss their deadline", grouped(plan.will_miss), "before their turn comes"


def _read_figures(manifest: Manifest) -> Iterable[Figure]:
    columns = manifest.columns
    if manifest.read_as:
        yield "read as", "", ", ".join(manifest.read_as)
    yield "columns", grouped(len(columns.used)), columns.used_in_words
    if columns.ignored:
        yield "  not used", grouped(len(columns.ignored)), columns.ignored_in_words


def _repeated(duplicates: int) -> str:
    return f"and {grouped(duplicates)} exact duplicates, counted once" if duplicates else ""


def _why(reason: SkipReason, planned: Planned) -> str:
    if reason is SkipReason.NOTICE_WINDOW:
        return f"less than {_notice(planned)} of notice left"
    return _WHY.get(reason, "")


def _notice(planned: Planned) -> str:
    hours = planned.rules.policy.notice / timedelta(hours=1)
    return f"{hours:g} h"


def _time_needed(planned: Planned) -> str:
    if planned.rate.is_unlimited:
        return "as fast as the API answers"
    end = planned.at + timedelta(seconds=planned.plan.seconds)
    return f"{duration(planned.plan.seconds)}, until {moment(end, planned.rules.timezone)}"


def _quota(planned: Planned) -> str:
    """The figures are not documented, so they cannot be compared."""
    zone = planned.rules.timezone
    told = "there may be one, of requests; it begins anew at 00:00 UTC"
    if zone is None:
        return told
    midnight = planned.at.astimezone(UTC).replace(hour=0, minute=0, second=0) + timedelta(days=1)
    return f"{told}, {midnight.astimezone(zone):%H:%M} {zone}"


def _plan_warnings(planned: Planned) -> Iterable[str]:
    plan = planned.plan
    for caution in planned.rules.cautions:
        yield f"!! {caution.text[0].upper()}{caution.text[1:]}."
    inside = plan.skipped.get(SkipReason.NOTICE_WINDOW, 0)
    if inside:
        yield (
            f"!! {grouped(inside)} appointments are inside the notice window of {_notice(planned)} "
            "and will NOT be cancelled."
        )
        yield "   For a closure, cancel them too with --notice-hours 0"
    if marked := plan.skipped.get(SkipReason.MARKED_DONE, 0):
        yield (
            f"!! {grouped(marked)} appointments will NOT be cancelled: the manifest's column "
            "outcome says that they are done."
        )
        yield "   To decide on them anew, leave that column out"
    if plan.will_miss:
        yield (
            f"!! {grouped(plan.will_miss)} appointments will be past their deadline before their "
            "turn comes, and will be skipped."
        )


def plan_json(planned: Planned, *, ledger: str) -> dict[str, Any]:
    """The plan for machines; times in ISO 8601, `seconds` the time needed.

    A start that is known by its day alone is a day: no midnight is made of it.
    `ledger` is its address as it may be shown.
    """
    plan, columns = planned.plan, planned.manifest.columns
    return {
        "batch": planned.batch.name,
        "origin": planned.batch.origin,
        "rehearsal": is_rehearsal(planned.batch.origin),
        "rows": plan.rows,
        "duplicates": plan.duplicates,
        "rejected_rows": plan.rejected_rows,
        "settled": plan.settled,
        "skipped": {str(reason): rows for reason, rows in plan.skipped.items()},
        "already_cancelled": plan.already_cancelled,
        "needs_review": plan.needs_review,
        "held_back": plan.held_back,
        "eligible": plan.eligible,
        "open": plan.open,
        **_starts(planned),
        "notice_hours": planned.rules.policy.notice / timedelta(hours=1),
        "requests": plan.requests,
        "seconds": plan.seconds,
        "will_miss": plan.will_miss,
        "cautions": {caution.code: caution.text for caution in planned.rules.cautions},
        "columns": {"used": dict(columns.used), "ignored": list(columns.ignored)},
        "read_as": list(planned.manifest.read_as),
        "observed": observed_json(planned),
        "windows": {
            "open": planned.windows.windows,
            "places": planned.windows.places,
            "unread": planned.windows.unread,
        },
        "approval": str(planned.approval),
        "ledger": ledger,
    }


def _starts(planned: Planned) -> dict[str, str | None]:
    zone = planned.rules.timezone
    told = {"first_start": planned.plan.first_start, "last_start": planned.plan.last_start}
    return {name: _iso(start, zone) for name, start in told.items()} | {
        f"{name}_known_by": None if start is None else start.known_by.value
        for name, start in told.items()
    }


def _iso(start: Start | None, zone: tzinfo | None) -> str | None:
    if start is None:
        return None
    if start.known_by is KnownBy.DAY:
        return start.earliest.astimezone(zone).date().isoformat()
    return start.earliest.isoformat()

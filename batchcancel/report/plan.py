"""A plan as text and as JSON: what is observed and decided, where, and how long it takes."""

from collections.abc import Iterator
from datetime import UTC, timedelta, tzinfo
from typing import Any

from batchcancel.appointments import KnownBy, SkipReason, Start
from batchcancel.events import PlanMade
from batchcancel.policy.plan import Place, Planned
from batchcancel.report.tables import (
    SHOWN_ROWS,
    WHY_LEFT,
    Figure,
    duration,
    grouped,
    headed,
    literal,
    markdown_table,
    moment,
    plain,
    table,
    whose,
)
from batchcancel.settings.quantities import is_rehearsal

_LOUD = {
    SkipReason.MOVED: "are on another day, session or branch now than the manifest says, and will "
    "NOT be cancelled: somebody must look.",
    SkipReason.UNKNOWN_STATUS: "have another status than {statuses}, and will NOT be cancelled: "
    "somebody must look. --status names those to be sent.",
    "needs_review": "were cancelled by others when they were last seen, are alive again, and will "
    "NOT be cancelled: somebody must look.",
    SkipReason.NOTICE_WINDOW: "are inside the notice window of {notice} and will NOT be cancelled."
    "\n   For a closure, cancel them too with --notice-hours 0",
    SkipReason.MARKED_DONE: "will NOT be cancelled: the manifest's column outcome says that they "
    "are done.\n   To decide on them anew, leave that column out",
    "will_miss": "will be past their deadline before their turn comes, and will be skipped.",
}
"""What somebody must look at, by why rows are left out; after how many appointments they are."""

_COUNTS = (
    *("rows", "duplicates", "rejected_rows", "settled", "already_cancelled", "needs_review"),
    *("held_back", "eligible", "open", "requests", "seconds", "will_miss"),
)
_SHOWN_PLACES = 16


def plan_made(planned: Planned, *, ledger: str) -> PlanMade:
    """What is told of a plan; `ledger` is its address as it may be shown."""
    facts, rejected = plan_json(planned, ledger=ledger), planned.manifest.rejected
    return PlanMade(text=plan_text(planned), facts=facts, rejected=rejected)


def plan_text(planned: Planned) -> str:
    """The plan: what will be done, what will not, how long it takes."""
    batch = planned.batch
    head = f"Plan for batch {batch.name}: {planned.manifest.source} at {batch.origin}"
    parts = [headed(batch.origin, head), "", *table(_figures(planned))]
    if places := [*_places(planned)]:
        parts += ["", "To be cancelled, by day, session and branch:", *table(places)]
    rejected = (f"   {line}" for line in planned.manifest.rejected_in_words(SHOWN_ROWS))
    if warnings := [*rejected, *_warnings(planned)]:
        parts += ["", *warnings]
    return "\n".join([*parts, "", f"Approval: {planned.approval}"])


def plan_markdown(planned: Planned) -> str:
    """The plan as Markdown, to be approved: first what somebody must look at, then the figures."""
    batch, places = planned.batch, [*_places(planned)]
    told = [literal(" ".join(one.removeprefix("!! ").split())) for one in _warnings(planned)]
    rejected = [f"- {literal(one)}" for one in planned.manifest.rejected_in_words(SHOWN_ROWS)]
    parts = [
        literal(whose(batch.origin)),
        *(f"> **{one}**" for one in told),
        "\n".join(rejected),
        "\n".join(markdown_table(("To be cancelled", "Rows", "Session"), places)) * bool(places),
        "\n".join(markdown_table(("Plan", "Number", ""), _figures(planned))),
        f"Batch {literal(batch.name)}, manifest {literal(str(planned.manifest.source))}",
        f"Approval: `{planned.approval}`",
    ]
    return "\n\n".join(filter(None, parts))


def _figures(planned: Planned) -> Iterator[Figure]:
    plan, observed, columns = planned.plan, planned.observed, planned.manifest.columns
    seen, look_ups = observed.seen.height, plan.look_ups - plan.open
    again = f"and {grouped(plan.duplicates)} exact duplicates, counted once"
    words = _words(planned)
    told: list[tuple[bool | int, Figure]] = [
        (bool(planned.manifest.read_as), ("read as", "", ", ".join(planned.manifest.read_as))),
        (True, ("columns", len(columns.used), columns.used_in_words)),
        (bool(columns.ignored), ("  not used", len(columns.ignored), columns.ignored_in_words)),
        (True, ("rows", plan.rows, again if plan.duplicates else "")),
        (True, ("rejected rows", plan.rejected_rows, "")),
        (True, ("settled already", plan.settled, "in the ledger; never sent again")),
        (plan.spent > plan.settled,
         ("  no longer named", plan.spent - plan.settled, "settled too; caps count them")),
        *((True, (f"skipped: {reason}", rows, WHY_LEFT.get(reason, "").format(**words)))
          for reason, rows in plan.skipped.items()),
        (plan.already_cancelled,
         ("already cancelled", plan.already_cancelled, "by others; not sent")),
        (plan.needs_review,
         ("needs review", plan.needs_review, "seen cancelled before, and alive now")),
        (True, ("observed", seen, "compared with what the API shows now")),
        (observed.not_shown,
         ("  not shown", observed.not_shown, "by the pages of their day; read singly")),
        (observed.absent, ("  not found", observed.absent, "the API does not know them")),
        (plan.held_back, ("held back", plan.held_back, f"by --limit {planned.limit}")),
        (True, ("eligible", plan.eligible, "to be cancelled")),
        (plan.open,
         ("  of them open", plan.open, "read back first: they may be cancelled already")),
        (look_ups > 0, ("  start unknown", look_ups, "looked up in their turn")),
        *((True, figure) for figure in _times(planned)),
        (True, ("miss their deadline", plan.will_miss, "before their turn comes")),
    ]  # fmt: skip
    return (figure for is_told, figure in told if is_told)


def _times(planned: Planned) -> Iterator[Figure]:
    plan, zone = planned.plan, planned.rules.timezone
    if plan.first_start and plan.last_start:
        yield "first start", "", beginning(plan.first_start, zone)
        yield "last start", "", beginning(plan.last_start, zone)
    yield "requests", plan.requests, f"at {planned.rate}"
    end = moment(planned.at + timedelta(seconds=plan.seconds), zone)
    is_free, needed = planned.rate.is_unlimited, duration(plan.seconds)
    yield "time", "", "as fast as the API answers" if is_free else f"{needed}, until {end}"
    if plan.requests:  # the figures of the quota are not documented, so they cannot be compared
        midnight = planned.at.astimezone(UTC).replace(hour=0, minute=0, second=0)
        here = (midnight + timedelta(days=1)).astimezone(zone)
        local = f", {here:%H:%M} {zone}" if zone else ""
        told = f"there may be one, of requests; it begins anew at 00:00 UTC{local}"
        yield "daily quota", "", told


def beginning(start: Start, zone: tzinfo | None) -> str:
    """A start in words, no more exact than it is known."""
    if start.known_by is KnownBy.DAY:
        return f"{start.earliest.astimezone(zone):%a %Y-%m-%d}, the day"
    told = moment(start.earliest, zone)
    return f"{told}, the session" if start.known_by is KnownBy.SESSION else told


def _places(planned: Planned) -> Iterator[Figure]:
    """The days, sessions and branches in which rows would be cancelled, but for too many."""
    places = planned.plan.places
    for day, session, branch_id, rows in places[:_SHOWN_PLACES]:
        told = "no session" if session is None else plain(session)
        branch = planned.branches.get(branch_id or "", branch_id)
        told += "" if branch is None else f"  branch {plain(branch)}"
        yield str(day or "no day known"), rows, told
    if rest := places[_SHOWN_PLACES:]:
        yield "others", sum(one.rows for one in rest), f"in {grouped(len(rest))} more places"


def _words(planned: Planned) -> dict[str, str]:
    hours = planned.rules.policy.notice / timedelta(hours=1)
    return {"notice": f"{hours:g} h", "statuses": ", ".join(planned.observed.statuses)}


def _warnings(planned: Planned) -> Iterator[str]:
    plan, windows = planned.plan, planned.windows
    if windows.windows:
        yield (
            f"!! {windows.told} still open, {grouped(windows.places)} "
            "places can be booked meanwhile, by the voice agent too: close the day first."
            if windows.places
            else f"!! {windows.told} still open, and what is freed there can be booked meanwhile, "
            "by the voice agent too: close the day first."
        )
    elif windows.unread and plan.places:
        yield "!! Whether the calendar windows are closed is not known."
    for caution in planned.rules.cautions:
        yield f"!! {caution.text[0].upper()}{caution.text[1:]}."
    counts = {str(reason): rows for reason, rows in plan.skipped.items()}
    counts |= {"needs_review": plan.needs_review, "will_miss": plan.will_miss}
    for why, told in _LOUD.items():
        if rows := counts.get(why):
            yield f"!! {grouped(rows)} appointments {told.format(**_words(planned))}"


def plan_json(planned: Planned, *, ledger: str) -> dict[str, Any]:
    """The plan for machines; times in ISO 8601, `seconds` the time needed.

    A start that is known by its day alone is a day: no midnight is made of it.
    """
    plan, manifest, windows = planned.plan, planned.manifest, planned.windows
    starts = {"first_start": plan.first_start, "last_start": plan.last_start}
    zone = planned.rules.timezone
    return {
        "batch": planned.batch.name,
        "origin": planned.batch.origin,
        "rehearsal": is_rehearsal(planned.batch.origin),
        **{name: getattr(plan, name) for name in _COUNTS},
        "skipped": {str(reason): rows for reason, rows in plan.skipped.items()},
        **{name: start and _iso(start, zone) for name, start in starts.items()},
        **{f"{name}_known_by": start and start.known_by.value for name, start in starts.items()},
        "notice_hours": planned.rules.policy.notice / timedelta(hours=1),
        "cautions": {caution.code: caution.text for caution in planned.rules.cautions},
        "columns": {"used": dict(manifest.columns.used), "ignored": list(manifest.columns.ignored)},
        "read_as": list(manifest.read_as),
        "observed": observed_json(planned),
        "windows": {
            "open": windows.windows, "places": windows.places, "unread": windows.unread,
        },
        "approval": str(planned.approval),
        "ledger": ledger,
    }  # fmt: skip


def observed_json(planned: Planned) -> dict[str, Any]:
    """What was seen, for machines; `places` are where rows would be cancelled."""
    plan, observed = planned.plan, planned.observed
    reasons = (SkipReason.MOVED, SkipReason.COMPLETED, SkipReason.UNKNOWN_STATUS)
    return {
        "rows": observed.seen.height,
        **{str(reason): plan.skipped.get(reason, 0) for reason in reasons},
        "already_cancelled": plan.already_cancelled,
        "needs_review": plan.needs_review,
        "not_shown": observed.not_shown,
        "not_found": observed.absent,
        "places": [_place_json(one) for one in plan.places],
    }


def _place_json(one: Place) -> dict[str, Any]:
    told = one._asdict()
    day = told.pop("day")
    return {"date": day and day.isoformat(), **told}


def _iso(start: Start, zone: tzinfo | None) -> str:
    if start.known_by is KnownBy.DAY:
        return start.earliest.astimezone(zone).date().isoformat()
    return start.earliest.isoformat()

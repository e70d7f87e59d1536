"""A plan as text and as JSON: what is observed and decided, where, and how long it takes."""

from collections.abc import Iterator
from datetime import UTC, timedelta, tzinfo
from typing import Any

from batchcancel.appointments import KnownBy, SkipReason, Start
from batchcancel.events import PlanMade
from batchcancel.policy.open_windows import OpenWindows
from batchcancel.policy.plan import Place, Planned
from batchcancel.report.tables import (
    SHOWN_ROWS,
    WHY_LEFT,
    Figure,
    duration,
    grouped,
    headed,
    literal,
    many,
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

_OF_ONE = {"are": "is", "have": "has", "were": "was"}

_COUNTS = (
    *("rows", "duplicates", "rejected_rows", "settled", "already_cancelled", "needs_review"),
    *("held_back", "eligible", "open", "requests", "seconds", "will_miss"),
)
_SHOWN_PLACES = 16
_SOON = timedelta(hours=48)
_TOO_LATE = (SkipReason.NOTICE_WINDOW, SkipReason.ALREADY_STARTED)
_MANY = 500
"""With fewer requests a quota per day need not be spoken of."""


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
    words, strange = _words(planned), columns.strange
    doubts = f"; not the {grouped(plan.open)} open, read back in their turn" if plan.open else ""
    told: list[tuple[bool | int, Figure]] = [
        (bool(planned.manifest.read_as), ("read as", "", ", ".join(planned.manifest.read_as))),
        (True, ("columns", len(columns.used), columns.used_in_words)),
        (bool(strange), ("  not used", len(strange), columns.strange_in_words)),
        (True, ("rows", plan.rows, again if plan.duplicates else "")),
        (True, ("rejected rows", plan.rejected_rows, "")),
        (True, ("settled already", plan.settled, "in the ledger; never sent again")),
        (planned.restored,
         ("  of them restored", planned.restored, "put back by restore, and left so")),
        (plan.spent > plan.settled,
         ("  no longer named", plan.spent - plan.settled, "settled too; caps count them")),
        *((True, (f"skipped: {reason}", rows, WHY_LEFT.get(reason, "").format(**words)))
          for reason, rows in plan.skipped.items()),
        (not plan.skipped, ("left alone", 0, "")),
        (plan.already_cancelled,
         ("already cancelled", plan.already_cancelled, "by others; not sent")),
        (plan.needs_review,
         ("needs review", plan.needs_review, "seen cancelled before, and alive now")),
        (True, ("observed", seen, f"compared with what the API shows now{doubts}")),
        (observed.not_shown,
         ("  not shown", observed.not_shown, "by the pages of their day; read singly")),
        (observed.absent, ("  not found", observed.absent, "the API does not know them")),
        (plan.held_back, ("held back", plan.held_back, f"by --limit {planned.limit}")),
        (True, ("eligible", plan.eligible, "to be cancelled")),
        (plan.open,
         ("  of them open", plan.open, "read back first: they may be cancelled already")),
        (look_ups > 0, ("  start unknown", look_ups, "looked up in their turn")),
        *((True, figure) for figure in _times(planned)),
        (True, _windows(planned)),
    ]  # fmt: skip
    return (figure for is_told, figure in told if is_told)


def _notice(planned: Planned) -> str:
    """The rule in force, whence it comes, and who is too late by it: now, and when it is sent."""
    plan, zone, hours = planned.plan, planned.rules.timezone, _hours(planned)
    told = f"{hours:g} hour{'' if hours == 1 else 's'}, "
    told += "as given with --notice-hours" if planned.rules.is_given else "from the API"
    if (first := plan.first_deadline) is not None:
        local, now = first.astimezone(zone or UTC), planned.at.astimezone(zone or UTC)
        day = "today" if local.date() == now.date() else f"{local:%a %Y-%m-%d}"
        told += f"; the first deadline is {day} {local:%H:%M} {zone or 'UTC'}"
        left = max(first - planned.at, timedelta(0))
        told += f", in {duration(left.total_seconds())}" if left < _SOON else ""
    late = sum(plan.skipped.get(one, 0) for one in _TOO_LATE)
    then = f", {grouped(plan.will_miss)} more when their turn comes" if plan.will_miss else ""
    return f"{told}; {grouped(late)} {'is' if late == 1 else 'are'} too late already{then}"


def _windows(planned: Planned) -> Figure:
    windows = planned.windows
    if not windows.is_looked:
        return "open windows", "", "not looked at: nothing is left to cancel"
    if windows.unread:
        return "open windows", windows.windows or "", f"not known of {many(windows.unread, 'day')}"
    return "open windows", windows.windows, "" if windows.windows else "all windows are closed"


def _times(planned: Planned) -> Iterator[Figure]:
    plan, zone = planned.plan, planned.rules.timezone
    if planned.rules.is_asked:
        yield "notice", "", _notice(planned)
    if plan.first_start and plan.last_start:
        yield "first start", "", beginning(plan.first_start, zone)
        yield "last start", "", beginning(plan.last_start, zone)
    yield "requests", plan.requests, f"at {planned.rate}"
    end = moment(planned.at + timedelta(seconds=plan.seconds), zone)
    is_free, needed = planned.rate.is_unlimited, duration(plan.seconds)
    if plan.requests:
        yield "time", "", "as fast as the API answers" if is_free else f"{needed}, until {end}"
    if (
        plan.requests >= _MANY
    ):  # the figures of the quota are not documented, so they cannot be compared
        midnight = planned.at.astimezone(UTC).replace(hour=0, minute=0, second=0)
        here = (midnight + timedelta(days=1)).astimezone(zone)
        local = f", {here:%H:%M} {zone}" if zone else ""
        told = f"there may be one, of requests; it begins anew at 00:00 UTC{local}"
        yield "daily quota", "", told


def beginning(start: Start, zone: tzinfo | None) -> str:
    """A start in words, no more exact than it is known."""
    if start.known_by is KnownBy.DAY:
        return f"{start.earliest.astimezone(zone or UTC):%a %Y-%m-%d}, the day"
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


def _hours(planned: Planned) -> float:
    return planned.rules.policy.notice / timedelta(hours=1)


def _words(planned: Planned) -> dict[str, str]:
    return {"notice": f"{_hours(planned):g} h", "statuses": ", ".join(planned.observed.statuses)}


def windows_told(windows: OpenWindows, *, so: str = "close the day first") -> Iterator[str]:
    """That windows are open, or may be, and what to do; nothing where all are closed, or nobody
    looked.
    """
    if windows.windows:
        free = f"{many(windows.places, 'place')} can be booked"
        what = free if windows.places else "and what is freed there can be booked"
        yield (f"{windows.told} still open, {what} meanwhile, by the voice agent too: {so}.")
    elif windows.unread:
        yield "Whether the calendar windows are closed is not known."


def _warnings(planned: Planned) -> Iterator[str]:
    plan = planned.plan
    yield from (f"!! {told}" for told in windows_told(planned.windows))
    for caution in planned.rules.cautions:
        yield f"!! {caution.text[0].upper()}{caution.text[1:]}."
    counts = {str(reason): rows for reason, rows in plan.skipped.items()}
    counts |= {"needs_review": plan.needs_review, "will_miss": plan.will_miss}
    for why, told in _LOUD.items():
        if rows := counts.get(why):
            verb, _, more = told.format(**_words(planned)).partition(" ")
            verb = _OF_ONE.get(verb, verb) if rows == 1 else verb
            yield f"!! {many(rows, 'appointment')} {verb} {more}"


def plan_json(planned: Planned, *, ledger: str) -> dict[str, Any]:
    """The plan for machines; times in ISO 8601, `seconds` the time needed.

    A start that is known by its day alone is a day: no midnight is made of it.
    """
    plan, manifest = planned.plan, planned.manifest
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
        "notice_hours": _hours(planned),
        "notice_given": planned.rules.is_given,
        "first_deadline": plan.first_deadline and plan.first_deadline.isoformat(),
        "cautions": {caution.code: caution.text for caution in planned.rules.cautions},
        "columns": {"used": dict(manifest.columns.used), "ignored": list(manifest.columns.ignored)},
        "read_as": list(manifest.read_as),
        "observed": observed_json(planned),
        "windows": planned.windows.as_json(),
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
        return start.earliest.astimezone(zone or UTC).date().isoformat()
    return start.earliest.isoformat()

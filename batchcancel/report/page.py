"""A batch as one page for people who were not there: what is gathered of it, and its HTML.

It holds ids, times and codes, no name and no number. Whatever else stands in a ledger is text.
"""

import heapq
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from batchcancel.appointments import Fact, KnownBy, OutcomeName, SkipReason
from batchcancel.ledger.contract import RowRecord, Run, State
from batchcancel.ledger.questions import LedgerReader
from batchcancel.report.counts import counts_from
from batchcancel.report.page_answers import Later, answers, facts_of, parts
from batchcancel.report.page_chart import bar, chart
from batchcancel.report.page_story import read_story
from batchcancel.report.status import BatchStatus, day_of, read_status, zone_of
from batchcancel.report.summary import headline
from batchcancel.report.tables import SHOWN_ROWS, count_figures, duration, grouped, many, moment
from batchcancel.settings.options import OPTIONS
from batchcancel.settings.quantities import is_rehearsal

_SHOWN_PLACES = 20
_BY_TIME = (SkipReason.NOTICE_WINDOW, SkipReason.ALREADY_STARTED)
_USUAL = {one.field: one.default for one in OPTIONS} | {"batch": None, "ledger": None}
_NOWHERE = (None, None)
_LATEST = datetime.max.replace(tzinfo=UTC)
_DECIDE = (
    "look at it, then  batchcancel resolve {ledger} --batch {batch} --as kept {id}  or --as cancel"
)
_TO_DO = {
    "needs_review": _DECIDE,
    "moved": _DECIDE,
    "unknown_status": _DECIDE,
    "refused": "look in the dashboard; --retry-refused sends it once more",
    "not_found": "is it this clinic's? --retry-refused sends it once more",
    "gave_up": "the next run takes it up again",
    "open": "in doubt: the next run reads it back before it sends",
    "rejected_row": "mend line {line} of the manifest",
    "changed_since": "somebody touched it since, so it was left; look whether that is meant",
    "slot_taken": "its place is taken: offer another, or restore with --overbook",
    "unknown_start": "give its start, or lift the notice with --notice-hours 0",
}


@dataclass(slots=True)
class _Place:
    """A session of a branch on a day, and how many of its rows stand how."""

    starts: datetime
    rows: int = 0
    gone: int = 0
    persons: int = 0


@dataclass(slots=True)
class _Rows:
    """What one reading of the rows gathers."""

    places: dict[tuple[date | None, str | None, str | None], _Place] = field(default_factory=dict)
    persons: list[RowRecord] = field(default_factory=list)
    late: list[RowRecord] = field(default_factory=list)
    settled: list[datetime] = field(default_factory=list)


def page_html(
    account: LedgerReader, batch: str, *, ledger: str, at: datetime,
    branches: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """The page of one batch; `ledger` is its address as it may be shown.

    `branches` has names by their ids, beside those that the last run was told.
    """
    from jinja2 import Environment, FileSystemLoader

    env = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, finalize=_as_text,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    env.filters |= {"n": grouped, "many": many}
    return env.get_template("page.html.jinja").render(
        facts(account, batch, ledger=ledger, at=at, branches=branches or {})
    )


def _as_text(value: Any) -> Any:
    """Marks that turn a line round, or cannot be seen, as what they are."""
    if type(value) is not str or value.isprintable():  # markup is a text of another type
        return value
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in value)


def facts(
    account: LedgerReader, batch: str, *, ledger: str, at: datetime, branches: Mapping[str, str]
) -> dict[str, Any]:
    """All that the page tells, by the names of its template."""
    [status] = read_status(account, only=batch, ledger=ledger, at=at)
    looks = {one.kind: one for one in account.looks(batch)}
    plan: Mapping[str, Any] = looks["plan"].found if "plan" in looks else {}
    rows = _gathered(account, status)
    runs = account.runs(batch)
    story = read_story(runs, account.traffic(batch))
    named = f"{shlex.quote(ledger)} --batch {shlex.quote(batch)}"
    of_batch, later = status.batch, _later(account, status)
    return {
        "status": status,
        "zone": zone_of(status.batch),
        "counts": status.counts,
        "title": headline(status.counts, restores=of_batch.kind == "restore"),
        "is_rehearsal": is_rehearsal(of_batch.origin),
        "named": named,
        "when": lambda one: moment(one, zone_of(status.batch)),
        "at": lambda one: f"{one.astimezone(zone_of(status.batch) or UTC):%a %Y-%m-%d %H:%M}",
        "answers": answers(status, story, looks=looks, later=later, named=named),
        "approved": account.approved(batch),
        "plan": plan,
        **{kind: looks.get(kind) for kind in ("windows", "drift", "sweep")},
        "later": later,
        "figures": count_figures(status.counts),
        "bar": bar(parts(status.counts)),
        "places": _by_place(rows, plan.get("branches", {}) | branches),
        "more_places": max(0, len(rows.places) - _SHOWN_PLACES),
        "chart": chart(rows.settled, story),
        "story": story,
        "persons": [_person(one, status) for one in _first(rows.persons)],
        "more_persons": max(0, len(rows.persons) - SHOWN_ROWS),
        "kinds": sorted({one.outcome or one.state.value for one in rows.persons}),
        "late": [_person(one, status) for one in _first(rows.late)],
        "more_late": max(0, len(rows.late) - SHOWN_ROWS),
        "late_count": len(rows.late),
        "runs": runs,
        "options": dict((story.runs or runs)[-1].options or {}) if runs else {},
        "usual": _USUAL,
        "duration": _lasted,
    }


def _gathered(account: LedgerReader, status: BatchStatus) -> _Rows:
    """What the manifest leaves open of a place is as the API showed it."""
    batch = status.batch.name
    seen = {one.appointment_id: (one.branch_id, one.session) for one in account.observations(batch)}
    found, zone = _Rows(), zone_of(status.batch)
    gone = {name.value for name in OutcomeName if Fact.GONE in name.facts}
    gone = {OutcomeName.RESTORED.value} if status.batch.kind == "restore" else gone
    for row in account.rows(batch):
        starts = row.starts_at
        branch, session = seen.get(row.appointment_id or "", _NOWHERE)
        place = found.places.setdefault(
            (day_of(row, zone), row.branch_id or branch, row.session or session),
            _Place(starts or _LATEST),
        )
        is_gone = row.outcome in gone and row.state is State.SETTLED
        place.rows += 1
        place.gone += is_gone
        if is_gone:
            if row.settled_at is not None and row.outcome == "cancelled":
                found.settled.append(row.settled_at)
        elif _needs_person(row):
            place.persons += row.state is not State.OPEN
            found.persons.append(row)
        elif row.outcome == "skipped" and row.reason in _BY_TIME:
            found.late.append(row)
    return found


def _needs_person(row: RowRecord) -> bool:
    """As it is counted: what is only noted waits, and what is in doubt is for somebody."""
    if row.state is not State.SETTLED and row.outcome != OutcomeName.GAVE_UP:
        return row.state is State.OPEN
    word = row.reason if row.outcome == OutcomeName.SKIPPED else row.outcome
    return Fact.PERSON in facts_of(word)


def _first(rows: list[RowRecord]) -> list[RowRecord]:
    """The first of them, the soonest first."""
    return heapq.nsmallest(
        SHOWN_ROWS, rows, key=lambda one: (one.starts_at or _LATEST, one.appointment_id or "")
    )


def _person(row: RowRecord, status: BatchStatus) -> dict[str, Any]:
    outcome = "open" if row.state is State.OPEN and row.outcome is None else row.outcome or ""
    reason, one = row.reason or "", row.appointment_id or ""
    words = {
        "ledger": shlex.quote(status.ledger), "batch": shlex.quote(status.batch.name),
        "id": f"-- {one}" if one.startswith("-") else one, "line": row.line,
    }  # fmt: skip
    return {
        "id": row.appointment_id or f"line {row.line}",
        "start": _starts(row, status),
        "outcome": f"{outcome}: {reason}" if reason else outcome,
        "to_do": (_TO_DO.get(reason) or _TO_DO.get(outcome) or "look at it").format(**words),
    }


def _starts(row: RowRecord, status: BatchStatus) -> str:
    """To the minute only where that is known."""
    if row.starts_at is None:
        return str(row.date or "")
    at = row.starts_at.astimezone(zone_of(status.batch) or UTC)
    if row.start_known_by == KnownBy.DAY:
        return f"{at:%a %Y-%m-%d}"
    since = "from " if row.start_known_by == KnownBy.SESSION else ""
    return f"{at:%a %Y-%m-%d}, {since}{at:%H:%M}"


def _by_place(rows: _Rows, names: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """Day by day and branch by branch, the sessions as they follow each other."""
    told = [
        (str(day or ""), names.get(branch or "", branch or ""), place.starts, session or "", place)
        for (day, branch, session), place in rows.places.items()
    ]
    return [
        (day, branch, session, place.rows, place.gone, place.rows - place.gone, place.persons)
        for day, branch, _, session, place in sorted(told, key=lambda one: one[:4])[:_SHOWN_PLACES]
    ]


def _later(account: LedgerReader, status: BatchStatus) -> list[Later]:
    """The later batches of the same selection: what a sweep found, and a run took up."""
    own, found = status.batch, []
    batches = account.batches() if own.selection else [own]
    for one in batches[[one.name for one in batches].index(own.name) + 1 :]:
        is_same = one.selection == own.selection and one.kind != "restore"
        if is_same and (runs := account.runs(one.name)):
            counts = counts_from(account.tally(one.name))
            left = counts.rows - counts.with_fact(Fact.GONE)
            at = runs[-1].ended_at or runs[-1].started_at
            found.append(Later(one.name, counts.rows, left, at))
    return found


def _lasted(run: Run) -> str:
    return duration((run.ended_at - run.started_at).total_seconds()) if run.ended_at else ""

"""What `find` found: as a manifest, a table, and a line for machines."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from batchcancel.addresses import redacted_ledger
from batchcancel.api import Record
from batchcancel.appointments import Fact, OutcomeName, SkipReason, Start
from batchcancel.errors import ExitCode
from batchcancel.policy.open_windows import NOT_LOOKED, OpenWindows
from batchcancel.reader.search import How
from batchcancel.reader.selection import Picked
from batchcancel.report.atomic import Output
from batchcancel.report.plan import windows_told
from batchcancel.report.results import write_texts
from batchcancel.report.tables import (
    SHOWN_ROWS,
    Figure,
    duration,
    grouped,
    headed,
    many,
    plain,
    table,
)
from batchcancel.settings.quantities import is_rehearsal

_COLUMNS = (
    *("appointment_id", "starts_at", "start_known_by", "date", "session", "branch_id", "batch"),
    *("status", "updated_at", "selection"),
)
_HOW = {
    How.WHOLE_ANSWERS: "every answer was whole",
    How.TWO_PASSES: "two readings of every page agree",
    How.COUNTED: "the last page counts as many",
    How.CALENDAR: "the calendar counts as many, before and after",
}
_OVER = {"cancelled", "completed"}
_LOOK = {name.value for name in OutcomeName if name.facts & (Fact.GONE | Fact.PERSON)}
_LOOK |= {f"skipped: {reason}" for reason in SkipReason if Fact.PERSON in reason.facts}
_AGAIN = "ALIVE AGAIN"
_REMARKS = {
    "cancelled": _AGAIN,
    "already_cancelled": _AGAIN,
    "waiting": "not sent yet; the same run goes on",
    "open": "in doubt; the same run reads them back",
}


class Edge(NamedTuple):
    """An appointment that is listed under another day in UTC than its record names."""

    appointment_id: str
    day: date | None
    listed: date
    is_taken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a search came to. `selection` is what was typed, `starts` are those of the `picked`, and
    `reach` is what tells another command to ask the same API.

    `filled` is what the calendar counts, None where it does not tell, and `difference` how many
    more that are than were found. With a `ledger`, `known` counts by outcome what it knows and is
    alive, and `new` are the ids that it does not know: they alone are written.
    """

    selection: str
    reach: str = ""
    picked: Picked
    starts: Mapping[str, Start]
    how: How
    doubts: Sequence[str] = ()
    unused: Sequence[str] = ()
    filled: int | None = None
    difference: int = 0
    edge: Sequence[Edge] = ()
    ledger: str | None = None
    known: Counter[str] = field(default_factory=Counter)
    branches: Mapping[str, str] = field(default_factory=dict)
    windows: OpenWindows = NOT_LOOKED
    requests: int = 0
    elapsed_s: float = 0.0
    origin: str = ""
    rows: Sequence[Record] = ()
    manifest: Output | None = None

    @property
    def exit_code(self) -> ExitCode:
        """0 also where nothing is booked; 4 where somebody must look."""
        is_doubtful = self.how is How.UNPROVED or self.picked.has_unknown_status
        is_left = self.ledger is not None and bool(self.rows or _LOOK & self.known.keys())
        return ExitCode.INCOMPLETE if is_doubtful or is_left else ExitCode.DONE

    @property
    def is_empty(self) -> bool:
        """Whether it is proved that nothing is booked that is not over or cancelled."""
        left = self.rows or self.known or self.picked.statuses.keys() - _OVER
        return self.how is not How.UNPROVED and not left

    @property
    def alive(self) -> dict[str, int]:
        """After a sweep: what no batch knows, what was done and is alive, and if that is all."""
        again = sum(n for name, n in self.known.items() if _REMARKS.get(name) == _AGAIN)
        return {"new": len(self.rows), "again": again, "all": self.how is not How.UNPROVED}


def write_manifest(finding: Finding, path: Output) -> None:
    """The rows as a manifest, by id; no name and no number of a patient."""
    rows = []
    for one in finding.rows:
        start = finding.starts[one.appointment_id]
        place = (one.date and one.date.isoformat(), one.session, one.branch_id, one.label)
        touched = one.updated_at and _utc(one.updated_at)
        begins = (_utc(start.earliest), start.known_by.value)
        rows.append((one.appointment_id, *begins, *place, one.status, touched, finding.selection))
    write_texts(_COLUMNS, rows, path)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def find_text(finding: Finding) -> str:
    """What was found where, what was left out, and whether that is all."""
    parts = [headed(finding.origin, _head(finding))]
    if figures := [*_places(finding), *_left_out(finding)]:
        parts += ["", *table(figures)]
    if warnings := [*_warnings(finding)]:
        parts += ["", *warnings]
    written = f"; written to {finding.manifest}" if finding.manifest else ""
    spent = f"  {many(finding.requests, 'request')}, {duration(finding.elapsed_s)}{written}"
    return "\n".join([*parts, "", spent])


def _head(finding: Finding) -> str:
    if finding.is_empty:
        over = finding.picked.statuses
        counted = ", ".join(f"{grouped(n)} {one}" for one, n in sorted(over.items()))
        is_plain = over.keys() == {"cancelled"} and over.total() > 1
        there = f"The {grouped(over.total())} there are all cancelled." if is_plain else ""
        there = there or f"There: {counted or 'nothing at all'}."
        told = (
            f"{_where(finding)} is empty: nothing is booked that is not "
            f"{' or '.join(sorted(over)) or 'cancelled'}. {there}"
        )
    else:
        unknown = f" that {redacted_ledger(finding.ledger)} does not know" if finding.ledger else ""
        told = (
            f"{many(len(finding.rows), 'appointment') if finding.rows else 'No appointment'} found"
        )
        told += f"{unknown}."
    if finding.how is How.UNPROVED:
        return f"{told} PERHAPS NOT ALL there are."
    return f"{told} The search was complete: {_HOW[finding.how]}."


def _where(finding: Finding) -> str:
    """The days alone, where nothing else was asked for."""
    words = shlex.split(finding.selection)
    is_days = {"--date", "--to"}.issuperset(words[::2])
    return " to ".join(words[1::2]) if is_days else f"The selection {finding.selection}"


def find_next(finding: Finding) -> str:
    """What to type next."""
    if finding.manifest is None and finding.ledger and finding.alive["again"]:
        look = f"batchcancel verify {shlex.quote(redacted_ledger(finding.ledger))}{finding.reach}"
        return f"Nothing new is to be cancelled. Which are alive again:  {look}"
    if finding.manifest is None:
        return "Nothing is to be cancelled."
    manifest, same = shlex.quote(str(finding.manifest)), finding.reach
    if finding.ledger is None:
        is_far = not isinstance(finding.manifest, Path)
        same = f" --ledger NAME.ledger.db{same}" if is_far else same
        return f"Next:  batchcancel plan {manifest}{same}"
    ledger = shlex.quote(redacted_ledger(finding.ledger))
    return f"Next:  batchcancel run {manifest} --ledger {ledger}{same}"


def find_json(finding: Finding) -> dict[str, Any]:
    """The same for machines."""
    return {
        "found": len(finding.rows),
        "left_out": dict(finding.picked.left_out),
        "statuses": dict(finding.picked.statuses),
        "complete": finding.how is not How.UNPROVED,
        "how": finding.how.name.lower(),
        "doubts": list(finding.doubts),
        "unused": list(finding.unused),
        "calendar": {"filled": finding.filled, "difference": finding.difference},
        "edge": [
            {"appointment_id": one, "date": day and day.isoformat(), "listed": listed.isoformat(),
             "taken": is_taken}
            for one, day, listed, is_taken in finding.edge
        ],
        "known": dict(finding.known),
        "empty": finding.is_empty,
        "windows": finding.windows.as_json(),
        "requests": finding.requests,
        "elapsed_s": round(finding.elapsed_s, 3),
        "manifest": finding.manifest and str(finding.manifest),
        "origin": finding.origin,
        "rehearsal": is_rehearsal(finding.origin),
        "exit_code": int(finding.exit_code),
    }  # fmt: skip


def _places(finding: Finding) -> Iterator[Figure]:
    places: Counter[tuple[str, str, str]] = Counter()
    begins: dict[tuple[str, str, str], datetime] = {}
    for one in finding.rows:
        place = (str(one.date), one.session or "", one.branch_id or "")
        places[place] += 1
        start = finding.starts[one.appointment_id].earliest
        begins[place] = min(begins.get(place, start), start)
    in_order = sorted(places.items(), key=lambda each: (each[0][0], begins[each[0]], each[0]))
    for (day, session, branch_id), count in in_order[:SHOWN_ROWS]:
        branch = finding.branches.get(branch_id, branch_id)
        yield day, count, f"{plain(session)}  branch {plain(branch)}".strip()
    if (more := len(places) - SHOWN_ROWS) > 0:
        yield "others", "", f"in {grouped(more)} more places"


def _left_out(finding: Finding) -> Iterator[Figure]:
    picked = finding.picked
    if not picked.left_out:
        yield "left out", "", "none"
    for name, count in picked.left_out.items():
        if name == "status":
            yield from ((f"left out: {plain(one)}", n, "") for one, n in picked.statuses.items())
            continue
        is_told = name == "doctor" and picked.without_doctor
        remark = f"{grouped(picked.without_doctor)} without a doctor" if is_told else ""
        yield f"left out: {name.replace('_', ' ')}", count, remark
    for name, count in sorted(finding.known.items()):
        yield f"in the ledger: {name}", count, _REMARKS.get(name, "and alive")


def _warnings(finding: Finding) -> Iterator[str]:
    yield from (f"!! {told}." for told in (*finding.doubts[:SHOWN_ROWS], *finding.unused))
    if finding.ledger is not None:
        so = "close the day, then search once more"
        yield from (f"!! {told}" for told in windows_told(finding.windows, so=so))
    if finding.picked.has_unknown_status:
        yield "!! Left out for a status that is not documented: --status names those to be found."
    if finding.filled is not None and finding.difference:
        more = "more" if finding.difference > 0 else "fewer"
        yield (
            f"!! The calendar counts {grouped(finding.filled)} places as filled, "
            f"{grouped(abs(finding.difference))} {more} than the appointments that were found."
        )
    for one in finding.edge[:SHOWN_ROWS]:
        how = "taken" if one.is_taken else "left out"
        yield f"   {one.appointment_id} of {one.day} is listed under {one.listed} in UTC: {how}"
    if (rest := len(finding.edge) - SHOWN_ROWS) > 0:
        yield f"   and {grouped(rest)} more under another day in UTC"

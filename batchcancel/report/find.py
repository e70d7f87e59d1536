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
from batchcancel.reader.search import How
from batchcancel.reader.selection import Picked
from batchcancel.report.atomic import Output
from batchcancel.report.results import write_texts
from batchcancel.report.tables import SHOWN_ROWS, Figure, duration, grouped, many, plain, table
from batchcancel.settings.quantities import is_rehearsal

_COLUMNS = (
    *("appointment_id", "starts_at", "start_known_by", "date", "session", "branch_id", "batch"),
    *("status", "updated_at", "selection"),
)
_HOW = {
    How.WHOLE_ANSWERS: "all there are: every answer was whole",
    How.TWO_PASSES: "all there are: two readings of every page agree",
    How.COUNTED: "all there are: the last page counts as many",
    How.CALENDAR: "all there are: the calendar counts as many, before and after",
    How.UNPROVED: "PERHAPS NOT ALL there are",
}
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
    """What a search came to. `selection` is what was typed, `starts` are those of the `picked`.

    `filled` is what the calendar counts, None where it does not tell, and `difference` how many
    more that are than were found. With a `ledger`, `known` counts by outcome what it knows and is
    alive, and `new` are the ids that it does not know: they alone are written.
    """

    selection: str
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
    unknown = f" that {redacted_ledger(finding.ledger)} does not know" if finding.ledger else ""
    parts = [f"{many(len(finding.rows), 'appointment')} found{unknown}, {_HOW[finding.how]}."]
    if figures := [*_places(finding), *_left_out(finding)]:
        parts += ["", *table(figures)]
    if warnings := [*_warnings(finding)]:
        parts += ["", *warnings]
    written = f"; written to {finding.manifest}" if finding.manifest else ""
    spent = f"  {many(finding.requests, 'request')}, {duration(finding.elapsed_s)}{written}"
    return "\n".join([*parts, "", spent])


def find_next(finding: Finding) -> str:
    """What to type next."""
    if finding.manifest is None:
        left = finding.known or finding.picked.statuses.keys() - {"cancelled", "completed"}
        is_empty = finding.how is not How.UNPROVED and not left
        return "The selection is empty." if is_empty else "Nothing is to be cancelled."
    manifest = shlex.quote(str(finding.manifest))
    if finding.ledger is None:
        is_far = not isinstance(finding.manifest, Path)
        return f"Next:  batchcancel plan {manifest}{' --ledger NAME.ledger.db' if is_far else ''}"
    ledger = shlex.quote(redacted_ledger(finding.ledger))
    return f"Next:  batchcancel run {manifest} --ledger {ledger}"


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
        "requests": finding.requests,
        "elapsed_s": round(finding.elapsed_s, 3),
        "manifest": finding.manifest and str(finding.manifest),
        "origin": finding.origin,
        "rehearsal": is_rehearsal(finding.origin),
        "exit_code": int(finding.exit_code),
    }  # fmt: skip


def _places(finding: Finding) -> Iterator[Figure]:
    places = Counter((one.date, one.session or "", one.branch_id or "") for one in finding.rows)
    for (day, session, branch_id), count in sorted(places.items(), key=str)[:SHOWN_ROWS]:
        branch = finding.branches.get(branch_id, branch_id)
        yield str(day), count, f"{plain(session)}  branch {plain(branch)}".strip()
    if (more := len(places) - SHOWN_ROWS) > 0:
        yield "others", "", f"in {grouped(more)} more places"


def _left_out(finding: Finding) -> Iterator[Figure]:
    picked = finding.picked
    for name, count in picked.left_out.items():
        remark = ""
        if name == "status":
            remark = ", ".join(f"{grouped(n)} {plain(one)}" for one, n in picked.statuses.items())
        elif name == "doctor" and picked.without_doctor:
            remark = f"{grouped(picked.without_doctor)} without a doctor"
        yield f"left out: {name.replace('_', ' ')}", count, remark
    for name, count in sorted(finding.known.items()):
        yield f"in the ledger: {name}", count, _REMARKS.get(name, "and alive")


def _warnings(finding: Finding) -> Iterator[str]:
    yield from (f"!! {told}." for told in (*finding.doubts[:SHOWN_ROWS], *finding.unused))
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

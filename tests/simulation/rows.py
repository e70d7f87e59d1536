"""The rows of a simulated manifest, and what is true of each, known without the program."""

import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from batchcancel.sandbox import Clinic

Place = tuple[date, str, str]
"""A day, a session and a branch's id."""

OTHER_KEY = "sk_sandbox_of_another_clinic"
EXACT = ("utc", "offset", "local")
"""Kinds of rows that tell their start to the moment."""

MOVES = ("far", "near", "session", "branch")
"""Where staff put an appointment: onto a day far away or near, or elsewhere on the same day."""

ODD = ("in_progress", "no_show", "COMPLETED")
"""Statuses that nobody has documented, and one in other letters."""

COLUMNS = ("appointment_id", "starts_at", "date", "session", "branch_id", "notes")
DONE = ("cancelled", "already_cancelled", "skipped", "needs_review", "restored")
AGAIN = ("refused", "not_found")
"""What a column of outcomes says is done; and what `--retry-refused` may send once more."""

OPENING = {"Morning": 9, "Afternoon": 13, "Evening": 17}
HOURS_OPEN = 3


class Span(NamedTuple):
    """When an appointment may begin: from the earliest moment to the latest, or at one alone."""

    earliest: datetime
    latest: datetime

    def deadline(self, notice: timedelta) -> datetime:
        """The last moment at which it may be cancelled."""
        return self.earliest - notice if notice else self.latest


class Named(NamedTuple):
    """What the manifest names of a row; None is what it leaves open."""

    day: date | None = None
    session: str | None = None
    branch_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One appointment: its line, its record at the server, and when it starts.

    `status` is None when the server does not know it. `start` is what the manifest says, None
    when it says nothing: then the record's day and session tell. `named` is what can be compared
    with the record, `mark` what the manifest says has become of it.
    """

    appointment_id: str
    kind: str
    cells: tuple[str, ...]
    status: str | None
    day: date
    session: str
    branch: int
    start: Span | None
    named: Named
    mark: str = ""

    @property
    def notes(self) -> str:
        return self.cells[-1]

    def is_done(self, *, but_refused: bool) -> bool:
        """Whether the manifest itself says that nothing is to be sent for it."""
        return self.mark in DONE or (self.mark in AGAIN and not but_refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestText:
    """The rows, the lines of the file, and how many of them name no appointment to cancel."""

    rows: tuple[Row, ...]
    lines: tuple[tuple[str, ...], ...]
    rejected: int
    bystanders: tuple[str, ...]

    @property
    def accounted(self) -> int:
        """How many rows the ledger must hold, at every moment."""
        return len(self.rows) + self.rejected

    @property
    def text(self) -> str:
        """The file, as CSV; with a column of outcomes where any row has one."""
        marks = {row.appointment_id: row.mark for row in self.rows}
        lines = [COLUMNS, *self.lines]
        if any(marks.values()):
            lines = [(*line, marks.get(line[0], "")) for line in lines]
            lines[0] = (*COLUMNS, "outcome")
        return "".join(",".join(line) + "\n" for line in lines)


def session_span(day: date, session: str, branch: int, *, timezone: str) -> Span:
    """The clinic's opening hours."""
    hour, late = OPENING[session], 30 if branch % 2 else 0
    hours = (time(hour, late), time(hour + HOURS_OPEN, late))
    return Span(*(_instant(day, clock, timezone) for clock in hours))


def day_span(day: date, *, timezone: str) -> Span:
    """All of a day, where no more is known."""
    return Span(*(_instant(one, time(), timezone) for one in (day, day + timedelta(days=1))))


def _instant(day: date, clock: time, timezone: str) -> datetime:
    return datetime.combine(day, clock, ZoneInfo(timezone)).astimezone(UTC)


@functools.cache
def branch_id(branch: int) -> str:
    return Clinic().branch_ids[branch]

"""The rows of a simulated manifest, and what is true of each, known without the program."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from batchcancel.sandbox import Clinic

COLUMNS = ("appointment_id", "starts_at", "date", "session", "branch_id", "notes")
OPENING = {"Morning": 9, "Afternoon": 13, "Evening": 17}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One appointment: its line, its record at the server, and when it starts.

    `status` is None when the server does not know it. `start` is what the manifest says, None
    when it says nothing: then the record's day and session tell.
    """

    appointment_id: str
    kind: str
    cells: tuple[str, ...]
    status: str | None
    day: date
    session: str
    branch: int
    start: datetime | None

    @property
    def notes(self) -> str:
        return self.cells[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestText:
    """The rows, the text of the file, and the lines of it that name no appointment to cancel."""

    rows: tuple[Row, ...]
    text: str
    rejected: int
    bystanders: tuple[str, ...]

    @property
    def accounted(self) -> int:
        """How many rows the ledger must hold, at every moment."""
        return len(self.rows) + self.rejected


def session_start(day: date, session: str | None, branch: int | None, *, timezone: str) -> datetime:
    """When the clinic's calendar lets a session begin; without one, its first of the day."""
    hour = OPENING["Morning" if session is None else session]
    late = 30 if branch is not None and branch % 2 else 0
    return datetime.combine(day, time(hour, late), ZoneInfo(timezone)).astimezone(UTC)


def start_of_day(day: date, *, timezone: str) -> datetime:
    """The most cautious reading of a day."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def branch_id(branch: int) -> str:
    return Clinic().branch_ids[branch]


def text_of(lines: Sequence[Sequence[str]]) -> str:
    """The manifest as CSV."""
    return "\n".join(",".join(line) for line in (COLUMNS, *lines)) + "\n"

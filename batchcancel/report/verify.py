"""What the API says now of what a batch cancelled, as text, JSON and a manifest of the drift."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl

from batchcancel.api import Record
from batchcancel.errors import ExitCode
from batchcancel.ledger.contract import CancelledRow
from batchcancel.report.results import write_table
from batchcancel.report.tables import SHOWN_ROWS, grouped, table

_COLUMNS = (
    *("appointment_id", "date", "session", "branch_id", "batch", "status", "updated_at"),
    "drift",
)
_LONGEST = 36


class Now(StrEnum):
    """How an appointment that was cancelled stands now; all but the first need a look."""

    CANCELLED = "cancelled", ""
    ALIVE = "alive", "again; not by this program"
    MOVED = "moved", "alive, on another day, session or branch"
    GONE = "gone", "the API does not know them any more"
    UNREAD = "unread", "they could not be read"

    remark: str

    def __new__(cls, word: str, remark: str) -> Self:
        one = str.__new__(cls, word)
        one._value_ = word
        one.remark = remark
        return one


class Checked(NamedTuple):
    """One row, what it is now, and its record where it could be read."""

    row: CancelledRow
    now: Now
    record: Record | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found of a batch's cancelled rows; `ledger` is its address as it may be shown."""

    batch: str
    origin: str
    ledger: str
    rows: Sequence[Checked]
    requests: int

    @property
    def counts(self) -> dict[Now, int]:
        counted = Counter(one.now for one in self.rows)
        return {one: counted[one] for one in Now}

    @property
    def drift(self) -> list[Checked]:
        """What the API says otherwise than the ledger."""
        return [one for one in self.rows if one.now not in (Now.CANCELLED, Now.UNREAD)]

    @property
    def exit_code(self) -> ExitCode:
        is_well = self.counts[Now.CANCELLED] == len(self.rows)
        return ExitCode.DONE if is_well else ExitCode.INCOMPLETE

    def as_json(self) -> dict[str, Any]:
        return {
            "batch": self.batch,
            "checked": len(self.rows),
            **{one.value: rows for one, rows in self.counts.items()},
            "requests": self.requests,
            "drift": len(self.drift),
            "exit_code": int(self.exit_code),
            "ledger": self.ledger,
            "origin": self.origin,
        }


def verified_text(verified: Verified) -> str:
    """The counts, and by name the first of those that are not cancelled any more."""
    counts, rows = verified.counts, len(verified.rows)
    figures = [(one.value, grouped(many), one.remark) for one, many in counts.items() if many]
    told = list(_named(verified))
    if len(told) > SHOWN_ROWS:
        told[SHOWN_ROWS:] = [f"  and {grouped(len(told) - SHOWN_ROWS)} more"]
    head = (
        f"Batch {verified.batch} at {verified.origin}: {grouped(counts[Now.CANCELLED])} of "
        f"{grouped(rows)} appointments that it cancelled are cancelled now"
    )
    figures.append(("requests", grouped(verified.requests), ""))
    return "\n".join([head, "", *table(figures), *([""] if told else []), *told])


def _named(verified: Verified) -> Iterator[str]:
    for row, now, record in verified.rows:
        if now is Now.CANCELLED:
            continue
        told = "" if record is None else f"  {_plain(record.status)}{_since(record)}"
        if record is not None and now is Now.MOVED:
            place = (record.date and record.date.isoformat(), record.session, record.branch_id)
            told += f", on {' '.join(_plain(word) for word in place if word)}"
        yield f"  {row.appointment_id}  {now}{told}"


def _since(record: Record) -> str:
    at = record.updated_at
    return "" if at is None else f" since {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _plain(word: str) -> str:
    return repr(word)[1:-1][:_LONGEST]


def write_drift(verified: Verified, path: Path) -> None:
    """Write what is not cancelled any more as a manifest, with where it is now; none: no file."""
    if not verified.drift:
        path.unlink(missing_ok=True)
        return
    rows = []
    for row, now, record in verified.drift:
        where = record or row
        status, at = (None, None) if record is None else (record.status, record.updated_at)
        day, moment = where.date and where.date.isoformat(), at and at.isoformat()
        place = (day, where.session, where.branch_id, where.label)
        rows.append((row.appointment_id, *place, status, moment, now.value))
    write_table(pl.DataFrame(rows, dict.fromkeys(_COLUMNS, pl.String), orient="row"), path)

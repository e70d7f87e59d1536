"""What the API says now of what a batch cancelled, as text, JSON and a manifest of the drift."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, NamedTuple

from batchcancel.api import Record
from batchcancel.errors import ExitCode
from batchcancel.ledger.contract import CancelledRow
from batchcancel.report.atomic import Output
from batchcancel.report.results import write_texts
from batchcancel.report.tables import cut, grouped, headed, plain, table
from batchcancel.settings.quantities import is_rehearsal

_REMARKS = {
    "cancelled": "still",
    "alive": "again; not by this program",
    "moved": "alive, on another day, session or branch",
    "gone": "the API does not know them any more",
    "unread": "they could not be read",
}
_ALIVE = ("alive", "moved")
_DRIFT = (*_ALIVE, "gone")
_COLUMNS = (
    *("appointment_id", "date", "session", "branch_id", "batch", "status", "updated_at"),
    "drift",
)


class Checked(NamedTuple):
    """One row, what it is `now` (a key of `_REMARKS`), and its record where it could be read."""

    row: CancelledRow
    now: str
    record: Record | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found of a batch's cancelled rows; `ledger` is its address as it may be shown.

    `restored` ones were put back: whatever they are now, they are no drift.
    """

    batch: str
    origin: str
    ledger: str
    rows: Sequence[Checked]
    requests: int
    restored: Sequence[Checked] = ()

    @property
    def counts(self) -> dict[str, int]:
        return {now: sum(one.now == now for one in self.rows) for now in _REMARKS}

    @property
    def drift(self) -> list[Checked]:
        """What the API says otherwise than the ledger."""
        return [one for one in self.rows if one.now in _DRIFT]

    @property
    def restored_alive(self) -> int:
        return sum(one.now in _ALIVE for one in self.restored)

    @property
    def exit_code(self) -> ExitCode:
        is_well = self.counts["cancelled"] == len(self.rows)
        return ExitCode.DONE if is_well else ExitCode.INCOMPLETE

    def as_json(self) -> dict[str, Any]:
        return {
            "batch": self.batch,
            "checked": len(self.rows),
            **self.counts,
            "restored": len(self.restored),
            "restored_alive": self.restored_alive,
            "requests": self.requests,
            "drift": len(self.drift),
            "ledger": self.ledger,
            "origin": self.origin,
            "rehearsal": is_rehearsal(self.origin),
            "exit_code": int(self.exit_code),
        }


def verified_text(verified: Verified) -> str:
    """The counts, and by name the first of those that are not cancelled any more."""
    counts = verified.counts
    figures = [(now, many, _REMARKS[now]) for now, many in counts.items() if many]
    if verified.restored:
        figures.append(("restored", len(verified.restored), _back(verified)))
    told = cut([*_named(verified)])
    head = (
        f"Batch {verified.batch} at {verified.origin}: {grouped(counts['cancelled'])} of "
        f"{grouped(len(verified.rows))} appointments that it cancelled are cancelled now"
    )
    lines = table([*figures, ("requests", verified.requests, "")])
    return "\n".join([headed(verified.origin, head), "", *lines, *([""] if told else []), *told])


def _back(verified: Verified) -> str:
    """Whether what was restored is alive; no drift, so the exit code does not tell."""
    counts = Counter(one.now for one in verified.restored if one.now not in _ALIVE)
    others = [f"{grouped(rows)} {now}" for now, rows in counts.items()]
    alive = f"{grouped(verified.restored_alive)} alive" if others else "alive"
    return f"put back by restore: {', '.join([alive, *others])}"


def _named(verified: Verified) -> Iterator[str]:
    for row, now, record in verified.rows:
        if now == "cancelled":
            continue
        told = [row.appointment_id, now]
        if record is not None:
            at = record.updated_at
            since = "" if at is None else f" since {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            told.append(f"{plain(record.status)}{since}")
            if now == "moved":
                place = (str(record.date), record.session, record.branch_id)
                told.append(f"on {' '.join(plain(word) for word in place if word)}")
        yield f"  {'  '.join(told)}"


def write_drift(verified: Verified, path: Output) -> None:
    """Write what is not cancelled any more as a manifest, with where it is now; none: no file."""
    rows = []
    for row, now, record in verified.drift:
        where = record or row
        status, at = (None, None) if record is None else (record.status, record.updated_at)
        place = (where.date and where.date.isoformat(), where.session, where.branch_id, where.label)
        rows.append((row.appointment_id, *place, status, at and at.isoformat(), now))
    if rows:
        write_texts(_COLUMNS, rows, path)
    else:
        path.unlink(missing_ok=True)

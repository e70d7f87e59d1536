"""The records that flow through the pipeline.

Appointment -> Decision (Cancel | Skip) -> Outcome
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OutcomeName(StrEnum):
    """How a row ended, as it is written in the ledger, the table and the exports."""

    CANCELLED = "cancelled"
    ALREADY_CANCELLED = "already_cancelled"
    SKIPPED = "skipped"
    REJECTED_ROW = "rejected_row"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    GAVE_UP = "gave_up"
    NEEDS_REVIEW = "needs_review"


class SkipReason(StrEnum):
    """Why the policy leaves an appointment alone."""

    NOTICE_WINDOW = "notice_window"
    ALREADY_STARTED = "already_started"
    UNKNOWN_START = "unknown_start"
    COMPLETED = "completed"


def require_aware(*moments: datetime | None) -> None:
    """Refuse naive datetimes at the door: they mean a different instant on every machine."""
    for moment in moments:
        if moment is not None and moment.utcoffset() is None:
            raise ValueError(f"naive datetime {moment!r}: give it a timezone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One appointment as the pool takes it up.

    `starts_at` is aware, or None when nothing is known of it. `opened_at` is when its oldest
    intent was written, on this machine's clock; None says that no intent is without a result.
    """

    appointment_id: str
    starts_at: datetime | None = None
    notes: str | None = None
    opened_at: datetime | None = None
    attempts: int = 0

    def __post_init__(self) -> None:
        require_aware(self.starts_at, self.opened_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that cannot be read as an appointment.

    `line` counts from 1; in CSV it is the line of the file where the row begins, in Parquet the
    number of the row. `reason` never repeats what the row holds: that may be personal.
    """

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """The policy allows cancelling at this moment."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The policy leaves this appointment alone at this moment."""

    reason: SkipReason


Decision = Cancel | Skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an appointment ended; `reason` is a code, never text from the API."""

    name: OutcomeName
    reason: str | None = None

"""Value objects of the pipeline: appointments, decisions, outcomes.

Appointment -> Decision (Cancel | Skip) -> Outcome
"""

import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Flag, StrEnum, auto
from typing import NamedTuple, Self


class Fact(Flag):
    """A property of an outcome, the same for every row that has it."""

    FINAL = auto()  # it settles the row; else the next run takes the row up again
    GONE = auto()  # the appointment is cancelled
    FAILURE = auto()  # it counts towards --halt-after
    PERSON = auto()  # somebody must look: the run ends with exit code 4


class OutcomeName(StrEnum):
    """How a row ended, as it is written in the ledger, the table and the exports.

    Each is a row of facts, with the remark that the table makes on it. Counts, exit codes, hints,
    the breaker and Airflow read them here.
    """

    CANCELLED = "cancelled", Fact.FINAL | Fact.GONE, "by this batch"
    ALREADY_CANCELLED = "already_cancelled", Fact.FINAL | Fact.GONE, "before we came"
    SKIPPED = "skipped", Fact.FINAL, "left alone by policy"
    REJECTED_ROW = "rejected_row", Fact.FINAL | Fact.PERSON, "could not be read"
    # fmt: off
    NOT_FOUND = ("not_found", Fact.FINAL | Fact.FAILURE | Fact.PERSON,
                 "the API does not know them; --retry-refused sends them once more")
    REFUSED = ("refused", Fact.FINAL | Fact.FAILURE | Fact.PERSON,
               "the API said no; --retry-refused sends them once more")
    GAVE_UP = ("gave_up", Fact.FAILURE | Fact.PERSON,
               "attempts spent; the next run takes them up again")
    NEEDS_REVIEW = ("needs_review", Fact.FINAL | Fact.PERSON,
                    "touched after our intent, or alive again, or moved: a person must decide")
    # fmt: on
    RESTORED = "restored", Fact.FINAL, "put back by restore"

    facts: Fact
    remark: str

    def __new__(cls, word: str, facts: Fact, remark: str) -> Self:
        name = str.__new__(cls, word)
        name._value_ = word
        name.facts, name.remark = facts, remark
        return name


class SkipReason(StrEnum):
    """Why an appointment is left alone; where several reasons apply, the first of them counts."""

    UNKNOWN_STATUS = "unknown_status", Fact.PERSON
    COMPLETED = "completed", Fact(0)
    MOVED = "moved", Fact.PERSON
    MARKED_DONE = "marked_done", Fact(0)
    KEPT = "kept", Fact(0)  # a person decided so
    UNKNOWN_START = "unknown_start", Fact.PERSON
    ALREADY_STARTED = "already_started", Fact(0)
    NOTICE_WINDOW = "notice_window", Fact(0)
    UNKNOWN_BEFORE = "unknown_before", Fact(0)  # these and ALREADY_STARTED: of a restore
    WAS_RESCHEDULED = "was_rescheduled", Fact(0)
    CHANGED_SINCE = "changed_since", Fact.PERSON  # also of a run: since it was approved
    SLOT_TAKEN = "slot_taken", Fact.PERSON

    facts: Fact

    def __new__(cls, word: str, facts: Fact) -> Self:
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.facts = facts
        return reason


NOBODY_TO_TELL = {SkipReason.COMPLETED, SkipReason.MARKED_DONE, SkipReason.KEPT}
"""Why a patient who is not cancelled is not to be called."""


def as_meant(text: str) -> str:
    """The words of a session, branch or batch label as people mean them.

    Case and blanks apart, and however an accent is encoded.
    """
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())


def differ(one: str | None, other: str | None) -> bool:
    """Whether two words mean different things; what one of them leaves open is no difference."""
    return one is not None and other is not None and as_meant(one) != as_meant(other)


def require_aware(*moments: datetime | None) -> None:
    """Raise ValueError for naive datetimes: they mean another instant on every machine."""
    for moment in moments:
        if moment is not None and moment.utcoffset() is None:
            raise ValueError(f"naive datetime {moment!r}: give it a timezone")


@dataclass(frozen=True, slots=True)
class Said:
    """What the manifest names of an appointment; None is what it leaves open.

    `day` is that of the start in the clinic's timezone, or the `date`. A session or a branch that
    the API itself does not use on that day cannot be compared, and is left out.
    """

    day: date | None = None
    session: str | None = None
    branch_id: str | None = None


NOTHING_SAID = Said()


class KnownBy(StrEnum):
    """What tells a start: a time of day, a session, or no more than the day."""

    EXACT = "exact"
    SESSION = "session"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Start:
    """When an appointment begins, at the earliest and at the latest; one moment where exact.

    The notice window counts from `earliest`, and only `latest` proves that it has begun.
    """

    earliest: datetime
    latest: datetime
    known_by: KnownBy

    def __post_init__(self) -> None:
        require_aware(self.earliest, self.latest)

    @classmethod
    def exact(cls, moment: datetime) -> Self:
        return cls(moment, moment, KnownBy.EXACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One appointment as the pool takes it up.

    `said` is what the manifest names of it, `seen` where it was when it was observed. `start` is
    None when nothing is known of it. `opened_at` is when its oldest intent was written, by the
    API's clock; None says that no intent is without a result. `is_marked` says that the manifest
    marks it as done, and that it is here to be read alone. `page` is the day whose pages showed it
    at `observed_at`; `is_missed` says that they should have, and did not, or that a person decided
    on it: it is to be read. `may_send` is a status that the person decided to have sent.
    `was_cancelled` says that an earlier run saw it cancelled by others.
    """

    appointment_id: str
    start: Start | None = None
    said: Said = NOTHING_SAID
    seen: Said = NOTHING_SAID
    page: date | None = None
    observed_at: datetime | None = None
    is_missed: bool = False
    notes: str | None = None
    opened_at: datetime | None = None
    attempts: int = 0
    is_marked: bool = False
    was_cancelled: bool = False
    may_send: str | None = None

    def __post_init__(self) -> None:
        require_aware(self.opened_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that cannot be read as an appointment.

    `line` counts from 1; in CSV it is the line of the file where the row begins, in Parquet the
    number of the row. `reason` never repeats what the row holds: that may be personal.
    `appointment_id` is the id it names, None where there is none to be read. `cell` is what cannot
    be read, where it is an id, a time or a day: for a person who mends it, and kept nowhere.
    """

    line: int
    reason: str
    appointment_id: str | None = None
    cell: str | None = field(default=None, repr=False, compare=False)


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


class Resolved(NamedTuple):
    """What a person decided on a row: `kept`, or `cancel`; by whom, when and why."""

    appointment_id: str
    decision: str
    by: str | None
    at: datetime
    reason: str | None


class Decided(NamedTuple):
    """A decision, and what had been seen of the row when it was made; None: nothing."""

    appointment_id: str
    decision: str
    status: str | None
    day: date | None
    session: str | None
    branch_id: str | None

"""The contract every ledger keeps, and what waiting, open and settled mean.

waiting   nothing was ever sent for this row, or nothing that is still in doubt
open      an intent was written and the result is not known: read it back before sending again
settled   final; the ledger itself refuses another intent for it

A `commit` is one durable transaction: when it returns, its entries survive a crash and a power
cut; when it raises, none of them is there. A ledger keeps ids, times and codes, no personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from batchcancel.appointments import KnownBy, Outcome


class State(StrEnum):
    """Where a row stands; the module's docstring says what each means."""

    WAITING = "waiting"
    OPEN = "open"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One manifest under one policy, by name.

    `rows` counts distinct appointments, `rejected_rows` the unreadable ones, `duplicates` the
    exact repetitions that were collapsed. `digest` belongs to the content of the manifest. A batch
    of the kind `restore` undoes what `of_batch` cancelled. `timezone` is the clinic's, `selection`
    what `find` was asked.
    """

    name: str
    origin: str
    digest: str
    rows: int
    rejected_rows: int
    duplicates: int
    kind: str = "cancel"
    of_batch: str | None = None
    timezone: str | None = None
    selection: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution over a batch, as the ledger remembers it.

    `version` is the program's. `options`, without anything secret, and `counts` hold what JSON can
    say. `why` tells why it ended, where it ended early.
    """

    run_id: str
    batch: str
    started_at: datetime
    ended_at: datetime | None = None
    exit_code: int | None = None
    version: str | None = None
    user: str | None = None
    host: str | None = None
    pid: int | None = None
    options: Mapping[str, Any] | None = None
    counts: Mapping[str, Any] | None = None
    why: str | None = None


class LedgerRow(NamedTuple):
    """What the manifest says of a row, as far as the ledger keeps it.

    `starts_at` is its earliest start, and `start_known_by` what that is known by; it may come from
    its session. `manifest_start` is its start to the letter, None where it gives none.
    """

    appointment_id: str
    starts_at: datetime | None
    date: date | None
    session: str | None
    branch_id: str | None
    line: int | None = None
    start_known_by: str | None = None
    manifest_start: str | None = None


class RowRecord(NamedTuple):
    """One row of the account, for exports; a rejected row may have no id."""

    appointment_id: str | None
    starts_at: datetime | None
    date: date | None
    session: str | None
    branch_id: str | None
    state: State
    outcome: str | None
    reason: str | None
    attempts: int
    opened_at: datetime | None
    settled_at: datetime | None
    line: int | None = None
    start_known_by: str | None = None


class Approved(NamedTuple):
    """The approval under which a batch was last run: its token, who gave it, and when."""

    token: str
    by: str | None
    at: datetime


class OpenRow(NamedTuple):
    """A row whose last intent has no known result."""

    appointment_id: str
    attempts: int
    opened_at: datetime


class LeftAlone(NamedTuple):
    """A row that was not sent for what was seen of it: skipped, or cancelled by others."""

    appointment_id: str
    outcome: str
    reason: str | None


class Observation(NamedTuple):
    """What the API showed of a row, and when, in place of what was seen before.

    `label` is the batch label. As an entry it is one record that was read.
    """

    appointment_id: str
    status: str
    date: date | None
    session: str | None
    branch_id: str | None
    label: str | None
    at: datetime


class SettledPlace(NamedTuple):
    """A place in which rows are settled, by what was said of them, else seen; else their start."""

    day: date | None
    session: str | None
    branch_id: str | None
    starts_at: datetime | None


class CancelledRow(NamedTuple):
    """A row that its batch cancelled, and where its appointment was, as far as that is known.

    `updated_at` is that of the record that proved it, `previous_status` what was seen of it last
    before it was sent; a ledger of version 1 tells neither. `moved` ones are for a person.
    """

    appointment_id: str
    is_moved: bool
    starts_at: datetime | None
    start_known_by: str | None
    date: date | None
    session: str | None
    branch_id: str | None
    label: str | None
    updated_at: datetime | None
    previous_status: str | None


class SentRequest(NamedTuple):
    """When a request left and when its answer came; None when it is not known to have come."""

    sent_at: datetime
    answered_at: datetime | None


class Traffic(NamedTuple):
    """A request of a run; `result` is a status or a code, None where no answer is known."""

    run_id: str
    kind: str
    sent_at: datetime
    answered_at: datetime | None
    result: str | None


class Look(NamedTuple):
    """What was found by looking at a batch: `plan` by a run, `drift` by a verification, `sweep` by
    a search for what is not in its ledger, `windows` by any of them that looked at the calendar.
    A run that pauses leaves its `rest` so.
    """

    kind: str
    looked_at: datetime
    found: Mapping[str, Any]


class TallyLine(NamedTuple):
    """So many rows stand like this."""

    state: State
    outcome: str | None
    reason: str | None
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A read is about to be sent: the limiter's window must remember it across restarts."""

    request: int
    appointment_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A PATCH is about to be sent: the row becomes open, and one more was sent for it.

    `at` is by this machine's clock, `opened_at` by the server's, as the record's changes are.
    `kind` is what is asked for.
    """

    request: int
    appointment_id: str
    attempt: int
    at: datetime
    opened_at: datetime
    kind: str = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The doubt that an intent made is undone: nothing was sent, or it was turned away.

    The row waits as before, or, with `was_in_doubt`, stays open since its older intent. What was
    not sent (`is_sent`) does not count as an attempt.
    """

    appointment_id: str
    is_sent: bool
    was_in_doubt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of a request; `result` is a status or a code such as `time_out`."""

    request: int
    at: datetime
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A look-up told when an appointment starts: for the account, not for later decisions."""

    appointment_id: str
    starts_at: datetime
    known_by: KnownBy = KnownBy.SESSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A row has its outcome; `gave_up` leaves its state as it is, for the next run.

    `updated_at` is that of the record that proves it. What is restored is so in the batch that had
    cancelled it too, in the same commit.
    """

    appointment_id: str
    outcome: Outcome
    at: datetime
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What was answered last about a row, which waits on: nobody knows yet what it proves."""

    appointment_id: str
    outcome: Outcome


Entry = Asked | Intent | Withdrawn | Answered | Learned | Noted | Observation | Settled

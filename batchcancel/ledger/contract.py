"""The contract every ledger keeps, and what waiting, open and settled mean.

waiting   nothing was ever sent for this row, or nothing that is still in doubt
open      an intent was written and the result is not known: read it back before sending again
settled   final; the ledger itself refuses another intent for it

A `commit` is one durable transaction: when it returns, its entries survive a crash and a power
cut; when it raises, none of them is there. A ledger keeps ids, times and codes, no personal data.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from batchcancel.api import Rate, SharedWindow
from batchcancel.appointments import (
    Decided,
    KnownBy,
    LeftAlone,
    Look,
    Outcome,
    RejectedRow,
    Resolved,
    SentRequest,
    Traffic,
)


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


class Observation(NamedTuple):
    """What the API showed of a row, and when; `label` is the batch label."""

    appointment_id: str
    status: str
    date: date | None
    session: str | None
    branch_id: str | None
    label: str | None
    at: datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Saw:
    """A record was read: it is kept in place of what was seen before."""

    appointment_id: str
    seen: Observation


Entry = Asked | Intent | Withdrawn | Answered | Learned | Noted | Saw | Settled


class LedgerReader(Protocol):
    """The questions; they may be asked while a run is going on."""

    def batches(self) -> Sequence[Batch]:
        """All batches, oldest first."""

    def runs(self, batch: str) -> Sequence[Run]:
        """The runs over a batch, oldest first."""

    def tally(self, batch: str) -> Sequence[TallyLine]:
        """Every row of the batch counted once, rejected rows included."""

    def rows(self, batch: str) -> Iterable[RowRecord]:
        """Every appointment of the batch, ordered by id, then the rejected rows by line."""

    def settled_ids(self, batch: str, *, but_refused: bool = False) -> list[str]:
        """Ids that must not be sent again, with or without the refused and not-found ones.

        What is decided anew is not among them: skipped, or cancelled by others and never sent.
        """

    def left_alone(self, batch: str) -> list[LeftAlone]:
        """Rows that were not sent for what was seen of them: where they stand until seen again."""

    def observations(self, batch: str) -> Iterable[Observation]:
        """What was last seen of the rows of which anything was, ordered by id."""

    def decided(self, batch: str) -> list[Decided]:
        """What persons decided on rows that are not settled, or skipped."""

    def not_found_ids(self, batch: str) -> list[str]:
        """Ids of the rows that the API did not know."""

    def settled_rows(self, batch: str, *, but_refused: bool = False) -> Iterable[LedgerRow]:
        """What the manifest said of these rows, ordered by id."""

    def cancelled_rows(self, batch: str) -> Iterable[CancelledRow]:
        """What this batch itself cancelled and nobody has restored, ordered by id."""

    def approved(self, batch: str) -> Approved | None:
        """The approval of the batch; None where it was run without one."""

    def open_rows(self, batch: str) -> list[OpenRow]:
        """Rows to be read back before anything else is done about them."""

    def requests_since(self, key: str, since: datetime) -> list[SentRequest]:
        """Requests with this key (its fingerprint) sent or answered since then, oldest first."""

    def traffic(self, batch: str) -> Iterable[Traffic]:
        """The requests of the batch's runs, oldest first."""

    def looks(self, batch: str) -> list[Look]:
        """What was found by looking at it, oldest first."""

    def is_held(self, batch: str) -> bool:
        """Whether a run holds the batch now: its lease has not run out."""

    def was_answered(self) -> bool:
        """Whether any request of this ledger was ever answered as the API alone answers."""

    def close(self) -> None:
        """Let go of files, connections and locks."""


class Ledger(LedgerReader, Protocol):
    """The account of one run, for one origin and one key: who holds a batch alone writes on it.

    Failing to write raises `LedgerWriteFailed`.
    """

    def require_room_for(self, texts: Iterable[str]) -> None:
        """Raise `InputError` where one of these texts cannot be kept as it is."""

    def hold(self, run: Run) -> None:
        """Begin a run over `run.batch`; `BatchHeld` when another run has it."""

    def require_held(self) -> None:
        """Raise `LedgerWriteFailed` where another run may have the batch by now.

        Asked between an intent and its PATCH: a machine that slept may have been given up.
        """

    def shared_window(self, rate: Rate, *, timeout: float) -> SharedWindow | None:
        """The key's window, where several programs write; a request is over after `timeout` s."""

    def finish(self, run: Run) -> None:
        """Write how the run ended and let go of the batch."""

    def enrol(
        self, batch: Batch, rows: Iterable[LedgerRow], rejected: Iterable[RejectedRow]
    ) -> None:
        """Make the batch hold exactly these rows; whole or not at all.

        Rows that were known keep their state, and with a final outcome also what was said of
        them and is left out now. Rows that are no longer named are dropped while they are waiting
        or skipped, and stay otherwise: what was sent is never forgotten.
        """

    def resolve(self, batch: str, resolved: Iterable[Resolved]) -> int:
        """Write persons' decisions down, and let the rows be left alone, or wait; tell how many.

        What was cancelled by us, and found moved, is cancelled. Rows on which nobody has to decide
        stay as they are.
        """

    def approve(self, batch: str, approved: Approved) -> None:
        """Write down under which approval the batch is run from now on."""

    def note(self, batch: str, look: Look) -> None:
        """Write down what was found by looking at the batch; nothing of it is personal."""

    def decide(
        self,
        batch: str,
        endings: Iterable[tuple[str, Outcome]],
        observed: Iterable[Observation] = (),
    ) -> None:
        """Replace all endings of the batch that needed no request by these, as of what was seen.

        Rows that had one, and are none of these now, are waiting.
        """

    def reopen_refused(self, batch: str) -> int:
        """Let refused and not-found rows wait again, as the operator asked; tells how many.

        Rows that the manifest no longer names, and rows in doubt, stay as they are.
        """

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write the entries of the held batch in one durable transaction, in their order.

        An intent for a settled row, or for a row that is not in the batch, and the withdrawal of
        none raise `LedgerWriteFailed`, and nothing of the transaction is kept.
        """

    def hurry(self) -> None:
        """Wait for nothing any more: the run is to stop, and what is not written is read back."""

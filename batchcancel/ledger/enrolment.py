"""How the rows of a batch come into a ledger, and what the policy decided on them."""

from collections.abc import Iterable
from typing import Protocol

from batchcancel.appointments import Outcome, RejectedRow
from batchcancel.ledger.contract import Approved, Batch, LedgerRow, Observation
from batchcancel.ledger.statements import Statements

_BATCH = "SELECT batch_id, enrolments FROM batches WHERE name = :name"
_ENROL_BATCH = """
    INSERT INTO batches (name, origin, digest, rows, rejected_rows, duplicates, kind, of_batch,
        selection)
    VALUES (:name, :origin, :digest, :rows, :rejected_rows, :duplicates, :kind, :of_batch,
        :selection)
    ON CONFLICT (name) DO UPDATE
    SET digest = excluded.digest, rows = excluded.rows, rejected_rows = excluded.rejected_rows,
        duplicates = excluded.duplicates, selection = excluded.selection,
        enrolments = batches.enrolments + 1
"""
_DROP_UNNAMED = """
    DELETE FROM rows
    WHERE batch_id = :batch_id AND enrolment <> :enrolment
      AND (state = 'waiting' OR outcome = 'skipped'
           OR outcome = 'already_cancelled' AND attempts = 0)
"""
_CLEAR_REJECTED = "DELETE FROM rejected_rows WHERE batch_id = :batch_id"
_CLEAR_ENDINGS = """
    UPDATE rows SET state = 'waiting', outcome = NULL, reason = NULL, settled_at = NULL
    WHERE batch_id = :batch_id
      AND (outcome = 'skipped' OR outcome = 'already_cancelled' AND attempts = 0)
"""
_REOPEN_REFUSED = """
    UPDATE rows
    SET state = 'waiting', outcome = NULL, reason = NULL, opened_at = NULL, settled_at = NULL
    WHERE batch_id = :batch_id AND state = 'settled' AND outcome IN ('refused', 'not_found')
      AND enrolment = (SELECT enrolments FROM batches WHERE batch_id = :batch_id)
"""

_APPROVE = """
    UPDATE batches SET approval = :token, approved_by = :by, approved_at = :at
    WHERE batch_id = :batch_id
"""
_SAID = ("starts_at", "start_known_by", "manifest_start", "date", "session", "branch_id")
_SAID_NOW = """
    ON CONFLICT (batch_id, appointment_id) DO UPDATE
    SET enrolment = excluded.enrolment, line = excluded.line, """
_LEFT_OUT_STAYS = """{0} = CASE
        WHEN rows.state = 'settled' AND rows.outcome <> 'skipped'
        THEN coalesce(excluded.{0}, rows.{0}) ELSE excluded.{0} END"""
TAKE_OVER = _SAID_NOW + ", ".join(map(_LEFT_OUT_STAYS.format, _SAID))
"""What becomes of a known row that is named again, as the end of an INSERT.

What was said of a row with a final outcome and is left out now stays: a later manifest may not say
otherwise either.
"""


class BulkLoad(Protocol):
    """A million rows at a time: each database has a way of its own that is quick."""

    def rows(self, batch_id: int, enrolment: int, rows: Iterable[LedgerRow]) -> None:
        """Let rows join, or take over what the manifest says of them now."""

    def rejected(self, batch_id: int, rejected: Iterable[RejectedRow]) -> None:
        """Add rejected rows."""

    def endings(self, batch_id: int | None, endings: Iterable[tuple[str, Outcome]]) -> None:
        """Settle those of the rows that are waiting."""

    def observed(self, batch_id: int | None, observed: Iterable[Observation]) -> None:
        """Keep what was seen of rows of the batch, instead of what was seen before."""


def enrol(
    into: Statements,
    load: BulkLoad,
    *,
    batch: Batch,
    rows: Iterable[LedgerRow],
    rejected: Iterable[RejectedRow],
) -> None:
    """Make the batch hold exactly these rows, as far as nothing was sent for the others."""
    into.execute(_ENROL_BATCH, {name: getattr(batch, name) for name in Batch.__slots__})
    ((batch_id, enrolment),) = into.fetch(_BATCH, {"name": batch.name})
    load.rows(batch_id, enrolment, rows)
    into.execute(_DROP_UNNAMED, {"batch_id": batch_id, "enrolment": enrolment})
    into.execute(_CLEAR_REJECTED, {"batch_id": batch_id})
    load.rejected(batch_id, rejected)


def decide(
    into: Statements,
    load: BulkLoad,
    *,
    batch: str,
    endings: Iterable[tuple[str, Outcome]],
    observed: Iterable[Observation],
) -> None:
    """Replace all endings that needed no request by these, and keep what was seen."""
    batch_id = batch_id_of(into, batch)
    into.execute(_CLEAR_ENDINGS, {"batch_id": batch_id})
    load.endings(batch_id, endings)
    load.observed(batch_id, observed)


def reopen_refused(into: Statements, batch: str) -> int:
    """Let refused and not-found rows that are still named wait again; tell how many."""
    return into.execute(_REOPEN_REFUSED, {"batch_id": batch_id_of(into, batch)})


def approve(into: Statements, batch: str, approved: Approved) -> None:
    """Write down who approved the batch, and what."""
    values = {"token": approved.token, "by": approved.by, "at": into.stored(approved.at)}
    into.execute(_APPROVE, {"batch_id": batch_id_of(into, batch), **values})


def batch_id_of(into: Statements, batch: str) -> int | None:
    """Find a batch by its name; None when it was never enrolled, and no row matches that."""
    found = into.fetch(_BATCH, {"name": batch})
    return int(found[0][0]) if found else None

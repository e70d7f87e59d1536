"""How the rows of a batch come into a SQLite ledger, and what the policy decided on them."""

import sqlite3
from collections.abc import Iterable, Iterator

from batchcancel.appointments import RejectedRow, SkipReason
from batchcancel.ledger import Batch, LedgerRow
from batchcancel.ledgers.instants import stored

_BATCH_ID = "SELECT batch_id FROM batches WHERE name = ?"
_ENROL_BATCH = """
    INSERT INTO batches (name, origin, digest, rows, rejected_rows, duplicates)
    VALUES (:name, :origin, :digest, :rows, :rejected_rows, :duplicates)
    ON CONFLICT (name) DO UPDATE
    SET digest = excluded.digest, rows = excluded.rows, rejected_rows = excluded.rejected_rows,
        duplicates = excluded.duplicates, enrolments = enrolments + 1
"""
_ENROLMENT = "SELECT batch_id, enrolments FROM batches WHERE name = ?"
_ENROL_ROW = """
    INSERT INTO rows (batch_id, enrolment, appointment_id, starts_at, date, session, branch_id)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (batch_id, appointment_id) DO UPDATE
    SET enrolment = excluded.enrolment, starts_at = excluded.starts_at, date = excluded.date,
        session = excluded.session, branch_id = excluded.branch_id
"""
_DROP_UNNAMED = """
    DELETE FROM rows
    WHERE batch_id = ? AND enrolment <> ? AND (state = 'waiting' OR outcome = 'skipped')
"""
_CLEAR_REJECTED = "DELETE FROM rejected_rows WHERE batch_id = ?"
_REJECT = "INSERT INTO rejected_rows (batch_id, line, reason) VALUES (?, ?, ?)"

_CLEAR_SKIPS = """
    UPDATE rows SET state = 'waiting', outcome = NULL, reason = NULL, settled_at = NULL
    WHERE batch_id = ? AND outcome = 'skipped' AND reason <> 'completed'
"""
_SKIP = """
    UPDATE rows SET state = 'settled', outcome = 'skipped', reason = ?
    WHERE batch_id = ? AND appointment_id = ? AND state = 'waiting'
"""
_REOPEN_REFUSED = """
    UPDATE rows
    SET state = 'waiting', outcome = NULL, reason = NULL, opened_at = NULL, settled_at = NULL
    WHERE batch_id = ?1 AND outcome IN ('refused', 'not_found')
      AND enrolment = (SELECT enrolments FROM batches WHERE batch_id = ?1)
"""


def enrol(
    db: sqlite3.Connection,
    batch: Batch,
    rows: Iterable[LedgerRow],
    rejected: Iterable[RejectedRow],
) -> None:
    """Make the batch hold exactly these rows, as far as nothing was sent for the others."""
    db.execute(_ENROL_BATCH, {name: getattr(batch, name) for name in Batch.__slots__})
    batch_id, enrolment = db.execute(_ENROLMENT, (batch.name,)).fetchone()
    db.executemany(_ENROL_ROW, _row_values(batch_id, enrolment, rows))
    db.execute(_DROP_UNNAMED, (batch_id, enrolment))
    db.execute(_CLEAR_REJECTED, (batch_id,))
    db.executemany(_REJECT, ((batch_id, row.line, row.reason) for row in rejected))


def decide(db: sqlite3.Connection, batch: str, skips: Iterable[tuple[str, SkipReason]]) -> None:
    batch_id = batch_id_of(db, batch)
    db.execute(_CLEAR_SKIPS, (batch_id,))
    values = ((reason.value, batch_id, appointment_id) for appointment_id, reason in skips)
    db.executemany(_SKIP, values)


def reopen_refused(db: sqlite3.Connection, batch: str) -> int:
    return db.execute(_REOPEN_REFUSED, (batch_id_of(db, batch),)).rowcount


def batch_id_of(db: sqlite3.Connection, batch: str) -> int | None:
    """Find a batch by its name; None when it was never enrolled, and no row matches that."""
    found = db.execute(_BATCH_ID, (batch,)).fetchone()
    return None if found is None else int(found[0])


def _row_values(
    batch_id: int, enrolment: int, rows: Iterable[LedgerRow]
) -> Iterator[tuple[str | int | None, ...]]:
    for appointment_id, starts_at, day, session, branch_id in rows:
        date = None if day is None else day.isoformat()
        yield batch_id, enrolment, appointment_id, stored(starts_at), date, session, branch_id

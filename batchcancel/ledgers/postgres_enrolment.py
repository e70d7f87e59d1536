"""How the rows of a batch come into a PostgreSQL ledger, and what the policy decided on them.

Rows travel by COPY into a table of the transaction's own, and join the others in one statement.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from psycopg import Cursor

from batchcancel.appointments import RejectedRow, SkipReason, require_aware
from batchcancel.ledger import Batch, LedgerRow
from batchcancel.ledgers.postgres_connection import without_time_limit

_BATCH_ID = "SELECT batch_id FROM batchcancel.batches WHERE name = %s"
_ENROL_BATCH = """
    INSERT INTO batchcancel.batches (name, origin, digest, rows, rejected_rows, duplicates)
    VALUES (%(name)s, %(origin)s, %(digest)s, %(rows)s, %(rejected_rows)s, %(duplicates)s)
    ON CONFLICT (name) DO UPDATE
    SET digest = excluded.digest, rows = excluded.rows, rejected_rows = excluded.rejected_rows,
        duplicates = excluded.duplicates, enrolments = batches.enrolments + 1
    RETURNING batch_id, enrolments
"""
_NAMED = """
    CREATE TEMPORARY TABLE named (
        appointment_id text, starts_at timestamptz, date date, session text, branch_id text
    ) ON COMMIT DROP
"""
_COPY_NAMED = "COPY named FROM STDIN"
_ENROL_ROWS = """
    INSERT INTO batchcancel.rows
        (batch_id, enrolment, appointment_id, starts_at, date, session, branch_id)
    SELECT %s, %s, appointment_id, starts_at, date, session, branch_id FROM named
    ON CONFLICT (batch_id, appointment_id) DO UPDATE
    SET enrolment = excluded.enrolment, starts_at = excluded.starts_at, date = excluded.date,
        session = excluded.session, branch_id = excluded.branch_id
"""
_DROP_UNNAMED = """
    DELETE FROM batchcancel.rows
    WHERE batch_id = %s AND enrolment <> %s AND (state = 'waiting' OR outcome = 'skipped')
"""
_CLEAR_REJECTED = "DELETE FROM batchcancel.rejected_rows WHERE batch_id = %s"
_COPY_REJECTED = "COPY batchcancel.rejected_rows (batch_id, line, reason) FROM STDIN"

_CLEAR_SKIPS = """
    UPDATE batchcancel.rows
    SET state = 'waiting', outcome = NULL, reason = NULL, settled_at = NULL
    WHERE batch_id = %s AND outcome = 'skipped' AND reason <> 'completed'
"""
_SKIPS = "CREATE TEMPORARY TABLE skips (appointment_id text, reason text) ON COMMIT DROP"
_COPY_SKIPS = "COPY skips FROM STDIN"
_SKIP = """
    UPDATE batchcancel.rows SET state = 'settled', outcome = 'skipped', reason = skips.reason
    FROM skips
    WHERE batch_id = %s AND rows.appointment_id = skips.appointment_id AND state = 'waiting'
"""
_REOPEN_REFUSED = """
    UPDATE batchcancel.rows
    SET state = 'waiting', outcome = NULL, reason = NULL, opened_at = NULL, settled_at = NULL
    WHERE batch_id = %(batch_id)s AND outcome IN ('refused', 'not_found')
      AND enrolment = (SELECT enrolments FROM batchcancel.batches WHERE batch_id = %(batch_id)s)
"""


def enrol(
    cursor: Cursor[Any],
    batch: Batch,
    rows: Iterable[LedgerRow],
    rejected: Iterable[RejectedRow],
) -> None:
    """Make the batch hold exactly these rows, as far as nothing was sent for the others."""
    without_time_limit(cursor)
    values = {name: getattr(batch, name) for name in Batch.__slots__}
    ((batch_id, enrolment),) = cursor.execute(_ENROL_BATCH, values).fetchall()
    cursor.execute(_NAMED)
    _copy(cursor, _COPY_NAMED, _aware(rows))
    cursor.execute(_ENROL_ROWS, (batch_id, enrolment))
    cursor.execute(_DROP_UNNAMED, (batch_id, enrolment))
    cursor.execute(_CLEAR_REJECTED, (batch_id,))
    _copy(cursor, _COPY_REJECTED, ((batch_id, row.line, row.reason) for row in rejected))


def decide(cursor: Cursor[Any], batch: str, skips: Iterable[tuple[str, SkipReason]]) -> None:
    without_time_limit(cursor)
    batch_id = batch_id_of(cursor, batch)
    cursor.execute(_CLEAR_SKIPS, (batch_id,))
    cursor.execute(_SKIPS)
    _copy(cursor, _COPY_SKIPS, ((one, reason.value) for one, reason in skips))
    cursor.execute(_SKIP, (batch_id,))


def reopen_refused(cursor: Cursor[Any], batch: str) -> int:
    without_time_limit(cursor)
    return cursor.execute(_REOPEN_REFUSED, {"batch_id": batch_id_of(cursor, batch)}).rowcount


def batch_id_of(cursor: Cursor[Any], batch: str) -> int | None:
    """Find a batch by its name; None when it was never enrolled, and no row matches that."""
    found = cursor.execute(_BATCH_ID, (batch,)).fetchone()
    return None if found is None else int(found[0])


def _copy(cursor: Cursor[Any], sql: str, rows: Iterable[tuple[object, ...]]) -> None:
    with cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row(row)


def _aware(rows: Iterable[LedgerRow]) -> Iterator[LedgerRow]:
    for row in rows:
        require_aware(row.starts_at)
        yield row

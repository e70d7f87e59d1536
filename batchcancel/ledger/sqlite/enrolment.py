"""Bulk load into SQLite: prepared statements over streams of rows."""

import sqlite3
from collections.abc import Iterable, Iterator

from batchcancel.appointments import Outcome, RejectedRow
from batchcancel.ledger.contract import LedgerRow, Observation
from batchcancel.ledger.enrolment import TAKE_OVER, BulkLoad
from batchcancel.ledger.sqlite.connection import stored

_INSERT_ROW = """
    INSERT INTO rows (batch_id, enrolment, appointment_id, starts_at, date, session, branch_id,
        line, start_known_by, manifest_start)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REJECT = """
    INSERT INTO rejected_rows (batch_id, line, reason, appointment_id) VALUES (?, ?, ?, ?)
"""
_END = """
    UPDATE rows SET state = 'settled', outcome = ?, reason = ?
    WHERE batch_id = ? AND appointment_id = ? AND state = 'waiting'
"""
_OBSERVED = """
    UPDATE rows
    SET observed_status = ?, observed_date = ?, observed_session = ?, observed_branch = ?,
        observed_label = ?, observed_at = ?
    WHERE batch_id = ? AND appointment_id = ?
"""


class SqliteLoad(BulkLoad):
    """Into the transaction that is open on a connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def rows(self, batch_id: int, enrolment: int, rows: Iterable[LedgerRow]) -> None:
        self._db.executemany(_INSERT_ROW + TAKE_OVER, _row_values(batch_id, enrolment, rows))

    def rejected(self, batch_id: int, rejected: Iterable[RejectedRow]) -> None:
        values = ((batch_id, row.line, row.reason, row.appointment_id) for row in rejected)
        self._db.executemany(_REJECT, values)

    def endings(self, batch_id: int | None, endings: Iterable[tuple[str, Outcome]]) -> None:
        values = ((end.name.value, end.reason, batch_id, one) for one, end in endings)
        self._db.executemany(_END, values)

    def observed(self, batch_id: int | None, observed: Iterable[Observation]) -> None:
        values = (
            (status, day and day.isoformat(), session, branch_id, label, stored(at), batch_id, one)
            for one, status, day, session, branch_id, label, at in observed
        )
        self._db.executemany(_OBSERVED, values)


def _row_values(
    batch_id: int, enrolment: int, rows: Iterable[LedgerRow]
) -> Iterator[tuple[str | int | None, ...]]:
    for one, starts_at, day, *rest in rows:
        date = None if day is None else day.isoformat()
        yield batch_id, enrolment, one, stored(starts_at), date, *rest

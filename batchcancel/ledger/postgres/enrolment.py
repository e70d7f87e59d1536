"""Bulk load into PostgreSQL: COPY into a temporary table, then one statement."""

from collections.abc import Iterable, Iterator
from typing import Any

from psycopg import Cursor

from batchcancel.appointments import RejectedRow, SkipReason, require_aware
from batchcancel.ledger.contract import LedgerRow
from batchcancel.ledger.enrolment import TAKE_OVER, BulkLoad

_NAMED = """
    CREATE TEMPORARY TABLE named (
        appointment_id text, starts_at timestamptz, date date, session text, branch_id text,
        line bigint, start_known_by text, manifest_start text
    ) ON COMMIT DROP
"""
_COPY_NAMED = "COPY named FROM STDIN"
_INSERT_ROWS = """
    INSERT INTO rows (batch_id, enrolment, appointment_id, starts_at, date, session, branch_id,
        line, start_known_by, manifest_start)
    SELECT %s, %s, appointment_id, starts_at, date, session, branch_id,
        line, start_known_by, manifest_start
    FROM named
"""
_COPY_REJECTED = "COPY rejected_rows (batch_id, line, reason, appointment_id) FROM STDIN"
_SKIPS = "CREATE TEMPORARY TABLE skips (appointment_id text, reason text) ON COMMIT DROP"
_COPY_SKIPS = "COPY skips FROM STDIN"
_SKIP = """
    UPDATE rows SET state = 'settled', outcome = 'skipped', reason = skips.reason
    FROM skips
    WHERE batch_id = %s AND rows.appointment_id = skips.appointment_id AND state = 'waiting'
"""


class PostgresLoad(BulkLoad):
    """Into the transaction of a cursor, which must have no time limit."""

    def __init__(self, cursor: Cursor[Any]) -> None:
        self._cursor = cursor

    def rows(self, batch_id: int, enrolment: int, rows: Iterable[LedgerRow]) -> None:
        self._cursor.execute(_NAMED)
        self._copy(_COPY_NAMED, _aware(rows))
        self._cursor.execute(_INSERT_ROWS + TAKE_OVER, (batch_id, enrolment))

    def rejected(self, batch_id: int, rejected: Iterable[RejectedRow]) -> None:
        values = ((batch_id, row.line, row.reason, row.appointment_id) for row in rejected)
        self._copy(_COPY_REJECTED, values)

    def skips(self, batch_id: int | None, skips: Iterable[tuple[str, SkipReason]]) -> None:
        self._cursor.execute(_SKIPS)
        self._copy(_COPY_SKIPS, ((one, reason.value) for one, reason in skips))
        self._cursor.execute(_SKIP, (batch_id,))

    def _copy(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self._cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)


def _aware(rows: Iterable[LedgerRow]) -> Iterator[LedgerRow]:
    for row in rows:
        require_aware(row.starts_at)
        yield row

"""Bulk load into PostgreSQL: COPY into a temporary table, then one statement."""

from collections.abc import Iterable, Iterator
from typing import Any

from psycopg import Cursor

from batchcancel.appointments import Outcome, RejectedRow, require_aware
from batchcancel.ledger.contract import LedgerRow, Observation
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
_ENDINGS = """
    CREATE TEMPORARY TABLE endings (appointment_id text, outcome text, reason text) ON COMMIT DROP
"""
_COPY_ENDINGS = "COPY endings FROM STDIN"
_END = """
    UPDATE rows SET state = 'settled', outcome = endings.outcome, reason = endings.reason
    FROM endings
    WHERE batch_id = %s AND rows.appointment_id = endings.appointment_id AND state = 'waiting'
"""
_SEEN = """
    CREATE TEMPORARY TABLE seen (
        appointment_id text, status text, date date, session text, branch text, label text,
        at timestamptz
    ) ON COMMIT DROP
"""
_COPY_SEEN = "COPY seen FROM STDIN"
_OBSERVED = """
    UPDATE rows
    SET observed_status = seen.status, observed_date = seen.date, observed_session = seen.session,
        observed_branch = seen.branch, observed_label = seen.label, observed_at = seen.at
    FROM seen
    WHERE batch_id = %s AND rows.appointment_id = seen.appointment_id
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

    def endings(self, batch_id: int | None, endings: Iterable[tuple[str, Outcome]]) -> None:
        self._cursor.execute(_ENDINGS)
        self._copy(_COPY_ENDINGS, ((one, end.name.value, end.reason) for one, end in endings))
        self._cursor.execute(_END, (batch_id,))

    def observed(self, batch_id: int | None, observed: Iterable[Observation]) -> None:
        self._cursor.execute(_SEEN)
        self._copy(_COPY_SEEN, observed)
        self._cursor.execute(_OBSERVED, (batch_id,))

    def _copy(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self._cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)


def _aware(rows: Iterable[LedgerRow]) -> Iterator[LedgerRow]:
    for row in rows:
        require_aware(row.starts_at)
        yield row

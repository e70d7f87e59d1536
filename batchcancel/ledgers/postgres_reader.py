"""Asking a PostgreSQL ledger, also while runs are writing into it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledgers.migrations import VERSION
from batchcancel.ledgers.postgres_connection import PatientConnection
from batchcancel.ledgers.postgres_trouble import diagnose
from batchcancel.ledgers.sql_reader import Questions, SqlReader

_QUESTIONS = Questions(
    batches="""
        SELECT name, origin, digest, rows, rejected_rows, duplicates
        FROM batchcancel.batches ORDER BY batch_id
    """,
    runs="""
        SELECT run_id, batch, started_at, ended_at, exit_code
        FROM batchcancel.runs WHERE batch = %(batch)s ORDER BY number
    """,
    tally="""
        SELECT state, outcome, reason, count(*) FROM batchcancel.account
        WHERE batch = %(batch)s GROUP BY state, outcome, reason
        UNION ALL
        SELECT 'settled', 'rejected_row', reason, count(*)
        FROM batchcancel.batches JOIN batchcancel.rejected_rows USING (batch_id)
        WHERE name = %(batch)s GROUP BY reason
    """,
    rows="""
        SELECT appointment_id, start, date, session, branch_id,
               state, outcome, reason, attempts, opened_at, settled_at
        FROM batchcancel.account WHERE batch = %(batch)s ORDER BY appointment_id
    """,
    settled="""
        SELECT appointment_id FROM batchcancel.account
        WHERE batch = %(batch)s
          AND state = 'settled' AND (outcome <> 'skipped' OR reason = 'completed')
          AND NOT (outcome IN ('refused', 'not_found') AND %(but_refused)s)
    """,
    open="""
        SELECT appointment_id, attempts, opened_at
        FROM batchcancel.account WHERE batch = %(batch)s AND state = 'open' ORDER BY appointment_id
    """,
    requests="""
        SELECT sent_at, answered_at FROM batchcancel.requests
        WHERE key = %(key)s AND (sent_at >= %(since)s OR answered_at >= %(since)s)
        ORDER BY sent_at, number
    """,
)


class PostgresReader(SqlReader):
    """The questions; each is answered as of one moment."""

    _questions = _QUESTIONS
    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: PatientConnection, *, name: str, version: int = VERSION) -> None:
        self._db = db
        self._name = name
        self._version = version

    def close(self) -> None:
        self._db.close()

    def _ask(self, sql: str, **values: object) -> list[Any]:
        try:
            return self._db.repeat(lambda cursor: cursor.execute(sql, values).fetchall())
        except psycopg.Error as error:
            raise self._cannot_be_read(error) from error

    def _stream(self, sql: str, **values: object) -> Iterator[Any]:
        try:
            with self._db.stream(sql, values) as rows:
                yield from rows
        except psycopg.Error as error:
            raise self._cannot_be_read(error) from error

    def _cannot_be_read(self, error: psycopg.Error) -> BatchcancelError:
        trouble = diagnose(error)
        return self._unreadable(f"{self._name} {trouble.meaning}", hint=trouble.hint)

    def _stored(self, moment: datetime) -> datetime:
        return moment

    def _restored(self, kept: datetime | None) -> datetime | None:
        """The server tells instants in the timezone that its session has."""
        return None if kept is None else kept.astimezone(UTC)

    def _day(self, kept: date | None) -> date | None:
        return kept

"""Asking a SQLite ledger, also while a run is writing into it."""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledgers.connection import connect_for_reading
from batchcancel.ledgers.instants import restored, stored
from batchcancel.ledgers.migrations import VERSION
from batchcancel.ledgers.sql_reader import Questions, SqlReader
from batchcancel.ledgers.trouble import diagnose

_QUESTIONS = Questions(
    batches="""
        SELECT name, origin, digest, rows, rejected_rows, duplicates FROM batches ORDER BY batch_id
    """,
    runs="""
        SELECT run_id, batch, started_at, ended_at, exit_code FROM runs
        WHERE batch = :batch ORDER BY rowid
    """,
    tally="""
        SELECT state, outcome, reason, count(*) FROM account
        WHERE batch = :batch GROUP BY state, outcome, reason
        UNION ALL
        SELECT 'settled', 'rejected_row', reason, count(*)
        FROM batches JOIN rejected_rows USING (batch_id)
        WHERE name = :batch GROUP BY reason
    """,
    rows="""
        SELECT appointment_id, start, date, session, branch_id,
               state, outcome, reason, attempts, opened_at, settled_at
        FROM account WHERE batch = :batch ORDER BY appointment_id
    """,
    settled="""
        SELECT appointment_id FROM account
        WHERE batch = :batch
          AND state = 'settled' AND (outcome <> 'skipped' OR reason = 'completed')
          AND NOT (outcome IN ('refused', 'not_found') AND :but_refused)
    """,
    open="""
        SELECT appointment_id, attempts, opened_at
        FROM account WHERE batch = :batch AND state = 'open'
    """,
    requests="""
        SELECT sent_at, answered_at FROM requests
        WHERE key = :key AND (sent_at >= :since OR answered_at >= :since)
        ORDER BY sent_at, request_id
    """,
)


class SqliteReader(SqlReader):
    """The questions, asked over one connection."""

    _questions = _QUESTIONS
    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: sqlite3.Connection, *, name: str, version: int = VERSION) -> None:
        self._db = db
        self._name = name
        self._version = version

    def close(self) -> None:
        self._db.close()

    def _ask(self, sql: str, **values: object) -> Iterator[Any]:
        try:
            yield from self._db.execute(sql, values)
        except sqlite3.Error as error:
            trouble = diagnose(error)
            raise self._unreadable(f"{self._name} {trouble.meaning}", hint=trouble.hint) from error

    def _stored(self, moment: datetime) -> int | None:
        return stored(moment)

    def _restored(self, kept: int | None) -> datetime | None:
        return restored(kept)

    def _day(self, kept: str | None) -> date | None:
        return None if kept is None else date.fromisoformat(kept)


def read_sqlite(path: Path) -> SqliteReader:
    """Open a ledger for questions only; it may be in use by a run, or a read-only copy."""
    db, version = connect_for_reading(path)
    return SqliteReader(db, name=str(path), version=version)

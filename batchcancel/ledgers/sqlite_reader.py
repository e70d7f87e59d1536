"""Asking a SQLite ledger, also while a run is writing into it."""

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledger import (
    Batch,
    LedgerReader,
    OpenRow,
    RowRecord,
    Run,
    SentRequest,
    State,
    TallyLine,
)
from batchcancel.ledgers.connection import connect_for_reading
from batchcancel.ledgers.instants import restored, stored
from batchcancel.ledgers.trouble import diagnose

_BATCHES = """
    SELECT name, origin, digest, rows, rejected_rows, duplicates FROM batches ORDER BY batch_id
"""
_RUNS = """
    SELECT run_id, batch, started_at, ended_at, exit_code FROM runs
    WHERE batch = :batch ORDER BY rowid
"""
_TALLY = """
    SELECT state, outcome, reason, count(*) FROM account
    WHERE batch = :batch GROUP BY state, outcome, reason
    UNION ALL
    SELECT 'settled', 'rejected_row', reason, count(*)
    FROM batches JOIN rejected_rows USING (batch_id)
    WHERE name = :batch GROUP BY reason
"""
_ROWS = """
    SELECT appointment_id, start, date, session, branch_id,
           state, outcome, reason, attempts, opened_at, settled_at
    FROM account WHERE batch = :batch ORDER BY appointment_id
"""
_SETTLED = """
    SELECT appointment_id FROM account
    WHERE batch = :batch AND state = 'settled' AND (outcome <> 'skipped' OR reason = 'completed')
      AND NOT (outcome IN ('refused', 'not_found') AND :but_refused)
"""
_OPEN = """
    SELECT appointment_id, attempts, opened_at FROM account WHERE batch = :batch AND state = 'open'
"""
_REQUESTS = """
    SELECT sent_at, answered_at FROM requests
    WHERE key = :key AND (sent_at >= :since OR answered_at >= :since)
    ORDER BY sent_at, request_id
"""


class SqliteReader(LedgerReader):
    """The questions, asked over one connection."""

    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: sqlite3.Connection, *, name: str) -> None:
        self._db = db
        self._name = name

    def batches(self) -> Sequence[Batch]:
        columns = Batch.__slots__
        return [Batch(**dict(zip(columns, row, strict=True))) for row in self._ask(_BATCHES)]

    def runs(self, batch: str) -> Sequence[Run]:
        return [
            Run(
                run_id=run_id,
                batch=of_batch,
                started_at=restored(started_at),
                ended_at=restored(ended_at),
                exit_code=exit_code,
            )
            for run_id, of_batch, started_at, ended_at, exit_code in self._ask(_RUNS, batch=batch)
        ]

    def tally(self, batch: str) -> Sequence[TallyLine]:
        return [
            TallyLine(State(state), outcome, reason, rows)
            for state, outcome, reason, rows in self._ask(_TALLY, batch=batch)
        ]

    def rows(self, batch: str) -> Iterator[RowRecord]:
        return map(_row_record, self._ask(_ROWS, batch=batch))

    def settled_ids(self, batch: str, *, but_refused: bool = False) -> list[str]:
        found = self._ask(_SETTLED, batch=batch, but_refused=but_refused)
        return [appointment_id for (appointment_id,) in found]

    def open_rows(self, batch: str) -> list[OpenRow]:
        return [
            OpenRow(appointment_id, attempts, restored(opened_at))
            for appointment_id, attempts, opened_at in self._ask(_OPEN, batch=batch)
        ]

    def requests_since(self, key: str, since: datetime) -> list[SentRequest]:
        return [
            SentRequest(restored(sent_at), restored(answered_at))
            for sent_at, answered_at in self._ask(_REQUESTS, key=key, since=stored(since))
        ]

    def close(self) -> None:
        self._db.close()

    def _ask(self, sql: str, **values: object) -> Iterator[Any]:
        try:
            yield from self._db.execute(sql, values)
        except sqlite3.Error as error:
            trouble = diagnose(error)
            raise self._unreadable(f"{self._name} {trouble.meaning}", hint=trouble.hint) from error


def _row_record(row: tuple[Any, ...]) -> RowRecord:
    appointment_id, start, day, session, branch_id, *standing, opened_at, settled_at = row
    state, outcome, reason, attempts = standing
    return RowRecord(
        appointment_id=appointment_id,
        starts_at=restored(start),
        date=None if day is None else date.fromisoformat(day),
        session=session,
        branch_id=branch_id,
        state=State(state),
        outcome=outcome,
        reason=reason,
        attempts=attempts,
        opened_at=restored(opened_at),
        settled_at=restored(settled_at),
    )


def read_sqlite(path: Path) -> SqliteReader:
    """Open a ledger for questions only; it may be in use by a run, or a read-only copy."""
    return SqliteReader(connect_for_reading(path), name=str(path))

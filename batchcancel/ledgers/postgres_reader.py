"""Asking a PostgreSQL ledger, also while runs are writing into it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, overload

import psycopg

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
from batchcancel.ledgers.postgres_connection import PatientConnection
from batchcancel.ledgers.postgres_trouble import diagnose

_BATCHES = """
    SELECT name, origin, digest, rows, rejected_rows, duplicates
    FROM batchcancel.batches ORDER BY batch_id
"""
_RUNS = """
    SELECT run_id, batch, started_at, ended_at, exit_code
    FROM batchcancel.runs WHERE batch = %(batch)s ORDER BY number
"""
_TALLY = """
    SELECT state, outcome, reason, count(*) FROM batchcancel.account
    WHERE batch = %(batch)s GROUP BY state, outcome, reason
    UNION ALL
    SELECT 'settled', 'rejected_row', reason, count(*)
    FROM batchcancel.batches JOIN batchcancel.rejected_rows USING (batch_id)
    WHERE name = %(batch)s GROUP BY reason
"""
_ROWS = """
    SELECT appointment_id, start, date, session, branch_id,
           state, outcome, reason, attempts, opened_at, settled_at
    FROM batchcancel.account WHERE batch = %(batch)s ORDER BY appointment_id
"""
_SETTLED = """
    SELECT appointment_id FROM batchcancel.account
    WHERE batch = %(batch)s
      AND state = 'settled' AND (outcome <> 'skipped' OR reason = 'completed')
      AND NOT (outcome IN ('refused', 'not_found') AND %(but_refused)s)
"""
_OPEN = """
    SELECT appointment_id, attempts, opened_at
    FROM batchcancel.account WHERE batch = %(batch)s AND state = 'open' ORDER BY appointment_id
"""
_REQUESTS = """
    SELECT sent_at, answered_at FROM batchcancel.requests
    WHERE key = %(key)s AND (sent_at >= %(since)s OR answered_at >= %(since)s)
    ORDER BY sent_at, number
"""


class PostgresReader(LedgerReader):
    """The questions; each is answered as of one moment."""

    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: PatientConnection, *, name: str) -> None:
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
                started_at=in_utc(started_at),
                ended_at=in_utc(ended_at),
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
        return map(_row_record, self._stream(_ROWS, batch=batch))

    def settled_ids(self, batch: str, *, but_refused: bool = False) -> list[str]:
        found = self._stream(_SETTLED, batch=batch, but_refused=but_refused)
        return [appointment_id for (appointment_id,) in found]

    def open_rows(self, batch: str) -> list[OpenRow]:
        return [
            OpenRow(appointment_id, attempts, in_utc(opened_at))
            for appointment_id, attempts, opened_at in self._ask(_OPEN, batch=batch)
        ]

    def requests_since(self, key: str, since: datetime) -> list[SentRequest]:
        return [
            SentRequest(in_utc(sent_at), in_utc(answered_at))
            for sent_at, answered_at in self._ask(_REQUESTS, key=key, since=since)
        ]

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


@overload
def in_utc(moment: datetime) -> datetime: ...
@overload
def in_utc(moment: None) -> None: ...
def in_utc(moment: datetime | None) -> datetime | None:
    """The server tells instants in the timezone that its session has."""
    return None if moment is None else moment.astimezone(UTC)


def _row_record(row: tuple[Any, ...]) -> RowRecord:
    appointment_id, start, day, session, branch_id, *standing, opened_at, settled_at = row
    state, outcome, reason, attempts = standing
    return RowRecord(
        appointment_id=appointment_id,
        starts_at=in_utc(start),
        date=day,
        session=session,
        branch_id=branch_id,
        state=State(state),
        outcome=outcome,
        reason=reason,
        attempts=attempts,
        opened_at=in_utc(opened_at),
        settled_at=in_utc(settled_at),
    )

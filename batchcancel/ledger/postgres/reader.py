"""Asking a PostgreSQL ledger, also while runs are writing into it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledger.migrations import VERSION
from batchcancel.ledger.postgres.connection import PatientConnection
from batchcancel.ledger.postgres.trouble import diagnose
from batchcancel.ledger.questions import SqlReader
from batchcancel.ledger.statements import for_psycopg

_ALIVE = "SELECT 1 FROM leases WHERE batch = :batch AND expires_at > clock_timestamp()"


class PostgresReader(SqlReader):
    """The questions; each is answered as of one moment."""

    _order = "number"
    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: PatientConnection, *, name: str, version: int = VERSION) -> None:
        self._db = db
        self._name = name
        self._version = version

    def is_held(self, batch: str) -> bool:
        return bool(self._ask(_ALIVE, batch=batch))

    def close(self) -> None:
        self._db.close()

    def _ask(self, sql: str, **values: object) -> list[Any]:
        asked = for_psycopg(sql)
        try:
            return self._db.repeat(lambda cursor: cursor.execute(asked, values).fetchall())
        except psycopg.Error as error:
            raise self._cannot_be_read(error) from error

    def _stream(self, sql: str, **values: object) -> Iterator[Any]:
        try:
            with self._db.stream(for_psycopg(sql), values) as rows:
                yield from rows
        except psycopg.Error as error:
            raise self._cannot_be_read(error) from error

    def _cannot_be_read(self, error: psycopg.Error) -> BatchcancelError:
        found = diagnose(error)
        return self._unreadable(f"{self._name} {found.meaning}", hint=found.hint)

    def _stored(self, moment: datetime) -> datetime:
        return moment

    def _restored(self, kept: datetime | None) -> datetime | None:
        """The server tells instants in the timezone that its session has."""
        return None if kept is None else kept.astimezone(UTC)

    def _day(self, kept: date | None) -> date | None:
        return kept

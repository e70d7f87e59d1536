"""Asking a PostgreSQL ledger, also while runs are writing into it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledgers.migrations import VERSION
from batchcancel.ledgers.postgres_connection import PatientConnection
from batchcancel.ledgers.postgres_trouble import diagnose
from batchcancel.ledgers.questions import SqlReader
from batchcancel.ledgers.statements import for_psycopg


class PostgresReader(SqlReader):
    """The questions; each is answered as of one moment."""

    _order = "number"
    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: PatientConnection, *, name: str, version: int = VERSION) -> None:
        self._db = db
        self._name = name
        self._version = version

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

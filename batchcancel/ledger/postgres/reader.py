"""Asking a PostgreSQL ledger, also while runs are writing into it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg

from batchcancel.ledger.postgres.connection import PatientConnection
from batchcancel.ledger.postgres.trouble import diagnose
from batchcancel.ledger.questions import SqlReader
from batchcancel.ledger.statements import for_psycopg

_ALIVE = "SELECT 1 FROM leases WHERE batch = :batch AND expires_at > clock_timestamp()"


class PostgresReader(SqlReader):
    """The questions; each is answered as of one moment."""

    _order = "number"
    _db: PatientConnection

    def is_held(self, batch: str) -> bool:
        return self._version > 1 and bool(self._ask(_ALIVE, batch=batch))

    def _ask(self, sql: str, **values: object) -> Sequence[Any]:
        try:
            return self._db.repeat(lambda asked: asked.fetch(sql, values))
        except psycopg.Error as error:
            raise self._trouble(diagnose(error)) from error

    def _stream(self, sql: str, **values: object) -> Iterator[Any]:
        try:
            with self._db.stream(for_psycopg(sql), values) as rows:
                yield from rows
        except psycopg.Error as error:
            raise self._trouble(diagnose(error)) from error

    def _stored(self, moment: datetime) -> datetime:
        return moment

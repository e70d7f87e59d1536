"""Asking a SQLite ledger, also while a run is writing into it."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from batchcancel.ledger.questions import SqlReader
from batchcancel.ledger.sqlite.connection import connect_for_reading
from batchcancel.ledger.sqlite.lease import HELD_NOW, until
from batchcancel.ledger.sqlite.trouble import diagnose
from batchcancel.ledger.statements import in_micros


class SqliteReader(SqlReader):
    """The questions, asked over one connection."""

    _order = "rowid"
    _db: sqlite3.Connection

    def is_held(self, batch: str) -> bool:
        return self._version > 1 and bool(list(self._ask(HELD_NOW, **until(0), batch=batch)))

    def _ask(self, sql: str, **values: object) -> Iterator[Any]:
        try:
            yield from self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise self._trouble(diagnose(error)) from error

    def _stored(self, moment: datetime) -> int | None:
        return in_micros(moment)


def read_sqlite(path: Path) -> SqliteReader:
    """Open a ledger for questions only; it may be in use by a run, or a read-only copy."""
    db, version = connect_for_reading(path)
    return SqliteReader(db, name=str(path), version=version)

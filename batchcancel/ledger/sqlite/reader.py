"""Asking a SQLite ledger, also while a run is writing into it."""

import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledger.migrations import VERSION
from batchcancel.ledger.questions import SqlReader
from batchcancel.ledger.sqlite.connection import connect_for_reading, restored, stored
from batchcancel.ledger.sqlite.lease import HELD_NOW, until
from batchcancel.ledger.sqlite.trouble import diagnose


class SqliteReader(SqlReader):
    """The questions, asked over one connection."""

    _order = "rowid"
    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: sqlite3.Connection, *, name: str, version: int = VERSION) -> None:
        self._db = db
        self._name = name
        self._version = version

    def close(self) -> None:
        self._db.close()

    def is_held(self, batch: str) -> bool:
        return self._version > 1 and bool(list(self._ask(HELD_NOW, **until(0), batch=batch)))

    def _ask(self, sql: str, **values: object) -> Iterator[Any]:
        try:
            yield from self._db.execute(sql, values)
        except sqlite3.Error as error:
            found = diagnose(error)
            raise self._unreadable(f"{self._name} {found.meaning}", hint=found.hint) from error

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

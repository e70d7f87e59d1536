"""Connections to a SQLite ledger that are safe to write through, or to read beside a run.

While a ledger is open for writing it is in WAL mode, so that readers do not wait. A closed ledger
is one plain file: it may be copied, and reading it leaves nothing behind.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from batchcancel.errors import InputError
from batchcancel.ledger.sqlite.files import create_file, migrate_file
from batchcancel.ledger.sqlite.schema import create, require_ledger
from batchcancel.ledger.sqlite.trouble import diagnose, primary_code
from batchcancel.ledger.statements import Statements, Values, in_micros
from batchcancel.ledger.tables import VERSION

_TO_WRITE = "Name another file with --ledger; this one was left as it is."
_TO_READ = "Name a ledger of batchcancel; this file was left as it is."
_PATIENCE_S = 5.0
_KEPT: dict[type, Callable[[Any], object]] = {datetime: in_micros, date: date.isoformat}


class SqliteStatements(Statements):
    """The transaction that is open on a connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def fill(self, table: str, rows: Iterable[Sequence[object]], *, columns: int) -> None:
        values = ", ".join("?" * columns)
        self._db.executemany(f"INSERT INTO {table} VALUES ({values})", map(_kept, rows))

    def _done(self, sql: str, values: Values) -> sqlite3.Cursor:
        return asked(self._db, sql, values)


def asked(db: sqlite3.Connection, sql: str, values: Values) -> sqlite3.Cursor:
    """Execute a statement; instants and days are kept as the tables have them."""
    return db.execute(sql, dict(zip(values, _kept(values.values()), strict=True)))


def connect_for_writing(place: Path) -> sqlite3.Connection:
    """Open or create the ledger; its folder is usable and its lock is held."""
    with _refusals(place, otherwise=_TO_WRITE), ExitStack() as undo:
        if not place.exists():
            create_file(place)
        db = undo.enter_context(closing(_connect(f"{place.as_uri()}?mode=rw")))
        _prepare(db, place)
        undo.pop_all()
        return db


def connect_in_memory() -> sqlite3.Connection:
    db = _connect(":memory:")
    create(db)
    return db


def connect_for_reading(path: Path) -> tuple[sqlite3.Connection, int]:
    """Open a ledger to ask only, and tell its version.

    A copy that cannot be locked is read as it stands.
    """
    place = path.resolve()
    if not place.is_file():
        raise InputError(f"there is no ledger {path}", hint="Check its name and folder.")
    with _refusals(path, otherwise=_TO_READ):
        try:
            return _asked(place, "mode=ro")
        except sqlite3.OperationalError as error:
            if not _is_whole_copy(place, error):
                raise
            return _asked(place, "immutable=1")


def settle_into_one_file(db: sqlite3.Connection) -> None:
    """Best effort before closing: a reader may be in the way, and nothing is lost if it is."""
    with suppress(sqlite3.Error):
        db.execute("PRAGMA busy_timeout = 0")
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        db.execute("PRAGMA journal_mode = DELETE")


def _kept(values: Iterable[object]) -> list[object]:
    return [keep(one) if (keep := _KEPT.get(type(one))) else one for one in values]


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(
        address, uri=True, isolation_level=None, timeout=_PATIENCE_S, check_same_thread=False
    )


def _asked(place: Path, how: str) -> tuple[sqlite3.Connection, int]:
    with ExitStack() as undo:
        db = undo.enter_context(closing(_connect(f"{place.as_uri()}?{how}")))
        version = require_ledger(db, place, otherwise=_TO_READ)
        undo.pop_all()
        return db, version


def _is_whole_copy(place: Path, error: sqlite3.Error) -> bool:
    """Tell whether a ledger was refused only because no file may be created beside it."""
    is_refused = primary_code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
    return is_refused and not any(
        place.with_name(f"{place.name}{ending}").exists() for ending in ("-wal", "-journal")
    )


def _prepare(db: sqlite3.Connection, place: Path) -> None:
    version = require_ledger(db, place, otherwise=_TO_WRITE)
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise InputError(
            f"{place} is damaged",
            hint="Keep the file, restore it from a backup or name another with --ledger.",
        )
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise InputError(
            f"{place} is on a file system without shared memory, which SQLite's WAL needs",
            hint="Name a file on a local disk with --ledger.",
        )
    db.execute("PRAGMA synchronous = FULL")
    try:
        if version < VERSION:
            migrate_file(db, place, version=version)
    except BaseException:
        settle_into_one_file(db)
        raise


@contextmanager
def _refusals(path: Path, *, otherwise: str) -> Iterator[None]:
    """Errors of SQLite as refusals; `otherwise` is the hint for a file that is no database."""
    try:
        yield
    except sqlite3.Error as error:
        meaning, hint, _ = diagnose(error)
        is_none = primary_code(error) == sqlite3.SQLITE_NOTADB
        raise InputError(f"{path} {meaning}", hint=otherwise if is_none else hint) from error

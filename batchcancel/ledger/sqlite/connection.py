"""Connections to a SQLite ledger that are safe to write through, or to read beside a run.

While a ledger is open for writing it is in WAL mode, so that readers do not wait. A closed ledger
is one plain file: it may be copied, and reading it leaves nothing behind. A new ledger, and the
backup of an earlier one, appear whole or not at all: each is written under another name, private
from its first byte, and renamed when it is done.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from batchcancel.addresses import found_at
from batchcancel.errors import InputError
from batchcancel.ledger.sqlite.schema import create, migrate, require_ledger
from batchcancel.ledger.sqlite.trouble import DAMAGED, diagnose, primary_code
from batchcancel.ledger.statements import Statements, Values, in_micros
from batchcancel.ledger.tables import VERSION

_TO_WRITE = "Name another file with --ledger; this one was left as it is."
_TO_READ = "Name a ledger of batchcancel; this file was left as it is."
_ELSEWHERE = "Name a file in a folder that can be written with --ledger."
_MAKE_ROOM = (
    "An earlier ledger is copied before it is changed. Make room, or move away what has that name."
)
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
    with _refusals(place, otherwise=_TO_WRITE):
        if found_at(place) is None:
            with _appearing(place, f"{place} cannot be made", _ELSEWHERE) as new:
                create(new)
        with _open(f"{place.as_uri()}?mode=rw") as db:
            _prepare(db, place)
        return db


def connect_in_memory() -> sqlite3.Connection:
    with _open(":memory:") as db:
        create(db)
    return db


def connect_for_reading(path: Path) -> tuple[sqlite3.Connection, int]:
    """Open a ledger to ask only, and tell its version.

    A copy that cannot be locked is read as it stands.
    """
    place = Path(os.path.realpath(path))
    if (found := found_at(place)) is None or not stat.S_ISREG(found.st_mode):
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


@contextmanager
def _open(address: str) -> Iterator[sqlite3.Connection]:
    """A connection that stays open when this ends well."""
    db = sqlite3.connect(
        address, uri=True, isolation_level=None, timeout=_PATIENCE_S, check_same_thread=False
    )
    try:
        yield db
    except BaseException:
        db.close()
        raise


def _asked(place: Path, how: str) -> tuple[sqlite3.Connection, int]:
    with _open(f"{place.as_uri()}?{how}") as db:
        return db, require_ledger(db, place, otherwise=_TO_READ)


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
        raise InputError(f"{place} {DAMAGED.meaning}", hint=DAMAGED.hint)
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise InputError(
            f"{place} is on a file system without shared memory, which SQLite's WAL needs",
            hint="Name a file on a local disk with --ledger.",
        )
    db.execute("PRAGMA synchronous = FULL")
    try:
        if version < VERSION:
            _migrate(db, place, version=version)
    except BaseException:
        settle_into_one_file(db)
        raise


def _migrate(db: sqlite3.Connection, place: Path, *, version: int) -> None:
    """Bring the open ledger to this version, after a backup `<name>.v<version>.bak`.

    Whatever fails, the ledger stays as it was; a backup of the same name, which an attempt that
    was cut off may have left, is replaced.
    """
    backup = place.with_name(f"{place.name}.v{version}.bak")
    why_not = f"{place} is of an earlier version, and {backup.name} cannot be written beside it"
    # Never a plain copy: what is still in the write-ahead log belongs to the ledger.
    with _appearing(backup, why_not, _MAKE_ROOM) as copy:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    migrate(db, version)


@contextmanager
def _appearing(path: Path, why_not: str, hint: str) -> Iterator[sqlite3.Connection]:
    """A database to be filled, which has its name when this ends well; else it is gone."""
    unfinished = path.with_name(f"{path.name}-new")
    try:
        unfinished.unlink(missing_ok=True)
        _create_private(unfinished)
        with _open(f"{unfinished.as_uri()}?mode=rw") as db, closing(db):
            yield db
        unfinished.replace(path)
        _make_durable(path.parent)
    except OSError as error:
        raise InputError(f"{why_not}: {error.strerror}", hint=hint) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def _create_private(path: Path) -> None:
    """SQLite would create the file with the mode that the umask leaves."""
    path.touch(0o600, exist_ok=False)
    path.chmod(0o600)


def _make_durable(folder: Path) -> None:
    """A new name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _refusals(path: Path, *, otherwise: str) -> Iterator[None]:
    """Errors of SQLite as refusals; `otherwise` is the hint for a file that is no database."""
    try:
        yield
    except sqlite3.Error as error:
        meaning, hint, _ = diagnose(error)
        is_none = primary_code(error) == sqlite3.SQLITE_NOTADB
        raise InputError(f"{path} {meaning}", hint=otherwise if is_none else hint) from error

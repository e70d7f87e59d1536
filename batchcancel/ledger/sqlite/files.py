"""The files of a SQLite ledger that appear whole or not at all: a new ledger, and a backup.

Each is written under another name, private from its first byte, and renamed when it is done.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from batchcancel.errors import InputError
from batchcancel.ledger.sqlite.schema import create, migrate


def create_file(place: Path) -> None:
    """Make a new ledger; the caller holds its file lock, and nothing has its name."""
    try:
        with _appearing(place) as db:
            create(db)
    except OSError as error:
        raise InputError(
            f"{place} cannot be made: {error.strerror}",
            hint="Name a file in a folder that can be written with --ledger.",
        ) from error


def migrate_file(db: sqlite3.Connection, place: Path, *, version: int) -> None:
    """Bring the open ledger at `place` to this version, after a backup `<name>.v<version>.bak`.

    The caller holds the file lock. Whatever fails, the ledger stays as it was; a backup of the
    same name, which an attempt that was cut off may have left, is replaced.
    """
    backup = place.with_name(f"{place.name}.v{version}.bak")
    try:
        # Never a plain copy: what is still in the write-ahead log belongs to the ledger.
        with _appearing(backup) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except OSError as error:
        raise InputError(
            f"{place} is of an earlier version, and {backup.name} cannot be written beside it: "
            f"{error.strerror}",
            hint="An earlier ledger is copied before it is changed. Make room, or move away what "
            "has that name.",
        ) from error
    migrate(db, version)


@contextmanager
def _appearing(path: Path) -> Iterator[sqlite3.Connection]:
    """A database to be filled, which has its name when this ends well; else it is gone."""
    unfinished = path.with_name(f"{path.name}-new")
    with suppress(FileNotFoundError):
        unfinished.unlink()
    try:
        _create_private(unfinished)
        address = f"{unfinished.as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as db:
            yield db
        unfinished.replace(path)
        _make_durable(path.parent)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


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

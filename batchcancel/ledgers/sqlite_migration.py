"""Migration of a SQLite ledger of an earlier version: a backup beside it first, then the steps."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from batchcancel.errors import InputError
from batchcancel.ledgers.schema import migrate


def migrate_file(db: sqlite3.Connection, place: Path, *, version: int) -> None:
    """Bring the open ledger at `place` to this version, after a backup `<name>.v<version>.bak`.

    The caller holds the file lock. Whatever fails, the ledger stays as it was; a backup of the
    same name, which an attempt that was cut off may have left, is replaced.
    """
    backup = place.with_name(f"{place.name}.v{version}.bak")
    try:
        _back_up(db, to=backup)
        _make_durable(place.parent)
    except OSError as error:
        raise InputError(
            f"{place} is of an earlier version, and {backup.name} cannot be written beside it: "
            f"{error.strerror}",
            hint="An earlier ledger is copied before it is changed. Make room for that.",
        ) from error
    migrate(db, version)


def _back_up(db: sqlite3.Connection, *, to: Path) -> None:
    """Never a plain copy: what is still in the write-ahead log belongs to the ledger."""
    unfinished = to.with_name(f"{to.name}-new")
    with suppress(FileNotFoundError):
        unfinished.unlink()
    try:
        _create_private(unfinished)
        with closing(sqlite3.connect(f"{unfinished.as_uri()}?mode=rw", uri=True)) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        unfinished.replace(to)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def _create_private(path: Path) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


def _make_durable(folder: Path) -> None:
    """A new name is on the disk only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

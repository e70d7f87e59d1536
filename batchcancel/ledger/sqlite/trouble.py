"""What an error of SQLite means to the person who has to do something about it."""

import sqlite3

from batchcancel.ledger.statements import Diagnosis

DAMAGED = Diagnosis(
    "is damaged", "Keep the file, restore it from a backup or name another with --ledger."
)
_RESUME = "then run the same command again."
_DIAGNOSES = {
    sqlite3.SQLITE_FULL: Diagnosis("has no room left on its disk", f"Free some space, {_RESUME}"),
    sqlite3.SQLITE_READONLY: Diagnosis(
        "is read-only", f"Make the file and its folder writable, {_RESUME}"
    ),
    sqlite3.SQLITE_BUSY: Diagnosis(
        "is in use by another program", f"Wait until that program has finished, {_RESUME}"
    ),
    sqlite3.SQLITE_IOERR: Diagnosis(
        "cannot be read or written by the disk", f"Check the disk, {_RESUME}"
    ),
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: Diagnosis(
        "is not a SQLite database", "Name another file with --ledger; this one was left as it is."
    ),
    sqlite3.SQLITE_CANTOPEN: Diagnosis(
        "cannot be opened",
        "Check its permissions; a copy needs the files ending in -wal and -journal beside it, "
        "in a folder that can be written.",
    ),
}


def diagnose(error: sqlite3.Error) -> Diagnosis:
    unknown = Diagnosis(f"cannot be used ({error})", "Check the file and its disk.")
    return _DIAGNOSES.get(primary_code(error), unknown)


def primary_code(error: sqlite3.Error) -> int:
    """Reduce a result code to its kind; errors of Python's module have none of their own."""
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF

"""The schema of a SQLite ledger, and how a file is recognised as one.

Instants are microseconds since 1970 in UTC. There are no CHECK constraints: they double the time
it takes to enrol a million rows, and one class writes here.
"""

import sqlite3
from pathlib import Path

from batchcancel.errors import InputError
from batchcancel.ledger.tables import ACCOUNT, VERSION, Dialect, made, require_known, steps

APPLICATION_ID = 0x62636C67  # "bclg", shown by file(1)

DIALECT = Dialect(
    words={
        "identity": "INTEGER PRIMARY KEY",
        "number": "",
        "id": "TEXT",
        "unique": "NOT NULL UNIQUE",
        "long": "INTEGER",
        "instant": "INTEGER",
        "day": "TEXT",
        "day_long": "86400000000",
        "random": "lower(hex(randomblob(16)))",
        "request": "1   request_id INTEGER PRIMARY KEY",
        "in_doubt": "",  # SQLite reads the batch by its key whatever else there is
    },
    own="""
leases
2   batch TEXT NOT NULL
2   token INTEGER NOT NULL -- grows with every new holder; writes carry it
2   holder TEXT NOT NULL
2   boot TEXT NOT NULL -- of the machine: its clock counts from there
2   expires_at INTEGER NOT NULL
3   commits INTEGER NOT NULL DEFAULT 0 -- transactions written on the batch
3   lost_since INTEGER -- the ledger went back: what was sent since then may not stand here
2   KEY (batch)
""",
    keyed=" WITHOUT ROWID",
)


def create(db: sqlite3.Connection) -> None:
    """Make an empty database a ledger; whole or not at all."""
    identity = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    db.executescript(f"BEGIN IMMEDIATE; {made(DIALECT)} CREATE {ACCOUNT} {identity} COMMIT;")


def require_ledger(db: sqlite3.Connection, place: Path, *, otherwise: str) -> int:
    """Refuse a database of something else, or of a later program; give the ledger's version.

    `otherwise` is the hint for a file that is no ledger. An empty file is a database to SQLite,
    and not ours: a new ledger gets its name with its tables.
    """
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        is_empty = place.stat().st_size == 0
        raise InputError(
            f"{place} is {'empty, so it is no' if is_empty else 'not a'} ledger of batchcancel",
            hint=f"Put the ledger back if there was one: it knows what was sent. Else: {otherwise}"
            if is_empty
            else otherwise,
        )
    (version,) = db.execute("PRAGMA user_version").fetchone()
    require_known(version, name=str(place))
    return int(version)


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring a ledger to this version; whole or not at all."""
    try:
        db.executescript(
            f"BEGIN IMMEDIATE; {steps(DIALECT, version)} PRAGMA user_version = {VERSION}; COMMIT;"
        )
    finally:
        db.rollback()

"""The tables of a SQLite ledger, and how a file is recognised as one.

Instants are microseconds since 1970 in UTC. There are no CHECK constraints: they double the time
it takes to enrol a million rows, and one class writes here.
"""

import sqlite3

from batchcancel.errors import InputError

APPLICATION_ID = 0x62636C67  # "bclg", shown by file(1)
VERSION = 1

_TABLES = """
CREATE TABLE batches (
    batch_id      INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    origin        TEXT NOT NULL,
    digest        TEXT NOT NULL,
    rows          INTEGER NOT NULL,
    rejected_rows INTEGER NOT NULL,
    duplicates    INTEGER NOT NULL,
    enrolments    INTEGER NOT NULL DEFAULT 1  -- how often its manifest was enrolled
);

CREATE TABLE runs (
    run_id     TEXT NOT NULL UNIQUE,
    batch      TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    exit_code  INTEGER
);

CREATE TABLE rows (
    batch_id       INTEGER NOT NULL,
    appointment_id TEXT NOT NULL,
    state          TEXT NOT NULL DEFAULT 'waiting',  -- waiting, open, settled
    outcome        TEXT,
    reason         TEXT,
    attempts       INTEGER NOT NULL DEFAULT 0,
    opened_at      INTEGER,
    settled_at     INTEGER,
    enrolment      INTEGER NOT NULL,  -- the last enrolment that named this row
    starts_at      INTEGER,           -- as the manifest says
    learned_start  INTEGER,           -- as a look-up found
    date           TEXT,
    session        TEXT,
    branch_id      TEXT,
    PRIMARY KEY (batch_id, appointment_id)
) WITHOUT ROWID;

CREATE VIEW account AS
    SELECT name AS batch, coalesce(starts_at, learned_start) AS start, rows.*
    FROM batches JOIN rows USING (batch_id);

CREATE TABLE rejected_rows (
    batch_id INTEGER NOT NULL,
    line     INTEGER NOT NULL,
    reason   TEXT NOT NULL
);
CREATE INDEX rejected_rows_of_batch ON rejected_rows (batch_id);

CREATE TABLE requests (
    request_id     INTEGER PRIMARY KEY,
    run_id         TEXT,           -- empty when a plan asked
    key            TEXT NOT NULL,  -- fingerprint
    kind           TEXT NOT NULL,  -- read, cancel
    appointment_id TEXT,
    attempt        INTEGER,
    sent_at        INTEGER NOT NULL,
    answered_at    INTEGER,
    result         TEXT            -- a status, or a code such as time_out
);
CREATE INDEX requests_of_key ON requests (key, sent_at);
"""


def create(db: sqlite3.Connection) -> None:
    """Make an empty database a ledger; whole or not at all."""
    identity = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    db.executescript(f"BEGIN IMMEDIATE; {_TABLES} {identity} COMMIT;")


def is_empty(db: sqlite3.Connection) -> bool:
    (objects,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(objects == 0)


def require_ledger(db: sqlite3.Connection, name: str) -> None:
    """Refuse a database of something else, or of a batchcancel that knows more than this one."""
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application_id != APPLICATION_ID:
        raise InputError(
            f"{name} is not a ledger of batchcancel",
            hint="Name another file with --ledger; this one was left as it is.",
        )
    if version > VERSION:
        raise InputError(
            f"{name} was written by a newer batchcancel (ledger version {version}, "
            f"this program knows {VERSION})",
            hint="Upgrade batchcancel.",
        )

"""The schema of a SQLite ledger, and how a file is recognised as one.

Instants are microseconds since 1970 in UTC. There are no CHECK constraints: they double the time
it takes to enrol a million rows, and one class writes here.
"""

import sqlite3
from pathlib import Path

from batchcancel.errors import InputError
from batchcancel.ledger.migrations import VERSION, require_known, sqlite_steps

APPLICATION_ID = 0x62636C67  # "bclg", shown by file(1)

_TABLES = """
CREATE TABLE batches (
    batch_id      INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    origin        TEXT NOT NULL,
    digest        TEXT NOT NULL,
    rows          INTEGER NOT NULL,
    rejected_rows INTEGER NOT NULL,
    duplicates    INTEGER NOT NULL,
    enrolments    INTEGER NOT NULL DEFAULT 1,  -- how often its manifest was enrolled
    kind          TEXT NOT NULL DEFAULT 'cancel',  -- cancel, restore
    of_batch      TEXT,              -- the batch that a restore undoes
    notice_hours  DOUBLE PRECISION,  -- the rules that were in force
    timezone      TEXT,
    sessions      TEXT,              -- as JSON
    notes         TEXT,
    selection     TEXT,              -- what find was asked for, as JSON
    approval      TEXT,              -- the token
    approved_by   TEXT,
    approved_at   INTEGER
);

CREATE TABLE runs (
    run_id     TEXT NOT NULL UNIQUE,
    batch      TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    exit_code  INTEGER,
    version    TEXT,     -- of the program
    "user"     TEXT,
    host       TEXT,
    pid        INTEGER,
    options    TEXT,     -- as JSON, without anything secret
    counts     TEXT,     -- of its rows at its end, as JSON
    why        TEXT      -- it ended, where it ended early
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
    line           INTEGER,           -- of the manifest
    manifest_start TEXT,              -- the start as the manifest wrote it
    start_known_by TEXT,
    previous_status  TEXT,
    seen_updated_at  INTEGER,         -- of the record that proved the outcome
    observed_at      INTEGER,
    observed_status  TEXT,
    observed_date    TEXT,
    observed_session TEXT,
    observed_branch  TEXT,
    observed_label   TEXT,
    resolved_as      TEXT,
    resolved_by      TEXT,
    resolved_at      INTEGER,
    resolved_reason  TEXT,
    PRIMARY KEY (batch_id, appointment_id)
) WITHOUT ROWID;

CREATE VIEW account AS
    SELECT name AS batch, coalesce(starts_at, learned_start) AS start, rows.*
    FROM batches JOIN rows USING (batch_id);

CREATE TABLE rejected_rows (
    batch_id INTEGER NOT NULL,
    line     INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    appointment_id TEXT  -- where it could be read
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

CREATE TABLE pauses (
    run_id     TEXT NOT NULL,
    began_at   INTEGER NOT NULL,
    ended_at   INTEGER,
    reason     TEXT NOT NULL
);
CREATE INDEX pauses_of_run ON pauses (run_id);

CREATE TABLE looks (
    kind       TEXT NOT NULL,
    batch      TEXT NOT NULL,
    looked_at  INTEGER NOT NULL,
    found      TEXT NOT NULL     -- as JSON
);
CREATE INDEX looks_of_batch ON looks (batch, kind);

CREATE TABLE leases (
    batch      TEXT PRIMARY KEY,
    token      INTEGER NOT NULL,  -- grows with every new holder; writes carry it
    holder     TEXT NOT NULL,
    boot       TEXT NOT NULL,     -- of the machine: its clock counts from there
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
"""


def create(db: sqlite3.Connection) -> None:
    """Make an empty database a ledger; whole or not at all."""
    identity = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    db.executescript(f"BEGIN IMMEDIATE; {_TABLES} {identity} COMMIT;")


def require_ledger(db: sqlite3.Connection, place: Path, *, otherwise: str) -> int:
    """Refuse a database of something else, or of a later program; give the ledger's version.

    `otherwise` is the hint for a file that is no ledger.

    An empty file is a database to SQLite, and not ours: a new ledger gets its name with its tables.
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
    steps = f"{sqlite_steps(version)} PRAGMA user_version = {VERSION};"
    try:
        db.executescript(f"BEGIN IMMEDIATE; {steps} COMMIT;")
    finally:
        db.rollback()

"""The tables of a PostgreSQL ledger, in a schema of their own, made on first use.

Ids are compared byte by byte, whatever the database's locale. Rows of many batches and origins
live side by side; one row of `leases` for each batch says whose turn it is to write on it.
"""

from typing import Any

from psycopg import Cursor
from psycopg.errors import InsufficientPrivilege

from batchcancel.errors import InputError

VERSION = 1
_FIRST_USE = 0x62636C67
"""The number under which two first users wait for each other; "bclg"."""

_TABLES = """
CREATE SCHEMA IF NOT EXISTS batchcancel;
CREATE TABLE batchcancel.version (version integer NOT NULL);

CREATE TABLE batchcancel.batches (
    batch_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text COLLATE "C" NOT NULL UNIQUE,
    origin        text NOT NULL,
    digest        text NOT NULL,
    rows          integer NOT NULL,
    rejected_rows integer NOT NULL,
    duplicates    integer NOT NULL,
    enrolments    integer NOT NULL DEFAULT 1
);
COMMENT ON COLUMN batchcancel.batches.enrolments IS 'how often its manifest was enrolled';

CREATE SEQUENCE batchcancel.tokens;
CREATE TABLE batchcancel.leases (
    batch      text COLLATE "C" PRIMARY KEY,
    token      bigint NOT NULL,
    session    uuid NOT NULL,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL,
    commits    bigint NOT NULL
);
COMMENT ON TABLE batchcancel.leases IS 'who may write on a batch, until when';
COMMENT ON COLUMN batchcancel.leases.token IS 'grows with every new holder; writes carry it';
COMMENT ON COLUMN batchcancel.leases.commits IS 'transactions written under this token';

CREATE TABLE batchcancel.runs (
    number     bigint GENERATED ALWAYS AS IDENTITY,
    run_id     text COLLATE "C" PRIMARY KEY,
    batch      text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    exit_code  integer
);

CREATE TABLE batchcancel.rows (
    batch_id       bigint NOT NULL,
    appointment_id text COLLATE "C" NOT NULL,
    state          text NOT NULL DEFAULT 'waiting',
    outcome        text,
    reason         text,
    attempts       integer NOT NULL DEFAULT 0,
    opened_at      timestamptz,
    settled_at     timestamptz,
    enrolment      integer NOT NULL,
    starts_at      timestamptz,
    learned_start  timestamptz,
    date           date,
    session        text,
    branch_id      text,
    PRIMARY KEY (batch_id, appointment_id)
);
COMMENT ON COLUMN batchcancel.rows.state IS 'waiting, open, settled';
COMMENT ON COLUMN batchcancel.rows.enrolment IS 'the last enrolment that named this row';
COMMENT ON COLUMN batchcancel.rows.starts_at IS 'as the manifest says';
COMMENT ON COLUMN batchcancel.rows.learned_start IS 'as a look-up found';

CREATE VIEW batchcancel.account AS
    SELECT name AS batch, coalesce(starts_at, learned_start) AS start, rows.*
    FROM batchcancel.batches JOIN batchcancel.rows USING (batch_id);

CREATE TABLE batchcancel.rejected_rows (
    batch_id bigint NOT NULL,
    line     bigint NOT NULL,
    reason   text NOT NULL
);
CREATE INDEX rejected_rows_of_batch ON batchcancel.rejected_rows (batch_id);

CREATE TABLE batchcancel.requests (
    session        uuid NOT NULL,
    request        bigint NOT NULL,
    number         bigint GENERATED ALWAYS AS IDENTITY,
    run_id         text,
    key            text NOT NULL,
    kind           text NOT NULL,
    appointment_id text COLLATE "C",
    attempt        integer,
    sent_at        timestamptz NOT NULL,
    answered_at    timestamptz,
    result         text,
    PRIMARY KEY (session, request)
);
COMMENT ON COLUMN batchcancel.requests.run_id IS 'empty when a plan asked';
COMMENT ON COLUMN batchcancel.requests.key IS 'fingerprint of the API key';
CREATE INDEX requests_of_key ON batchcancel.requests (key, sent_at);

CREATE TABLE batchcancel.windows (
    key          text PRIMARY KEY,
    closed_until timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON TABLE batchcancel.windows IS 'the rate limit of each API key, for all hosts';

CREATE TABLE batchcancel.slots (
    slot        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL,
    taken_at    timestamptz NOT NULL,
    counted_by  timestamptz NOT NULL,
    is_answered boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN batchcancel.slots.counted_by IS 'the API has counted the request by then';
CREATE INDEX slots_of_key ON batchcancel.slots (key, counted_by);
"""
# Asked of the catalogue itself: to_regclass() may answer from before the wait for a first user.
_IS_THERE = """
    SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'batchcancel' AND tablename = 'version'
"""


def create_if_missing(cursor: Cursor[Any], *, name: str) -> None:
    """Make the tables in this transaction, unless they are there; two at once wait in line."""
    if found_version(cursor) is not None:
        return
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_FIRST_USE,))
    if found_version(cursor) is not None:
        return
    try:
        cursor.execute(_TABLES)
        cursor.execute("INSERT INTO batchcancel.version VALUES (%s)", (VERSION,))
    except InsufficientPrivilege as error:
        raise InputError(
            f"{name} holds no ledger yet, and this user may not make one",
            hint="Let the database's owner run: GRANT CREATE ON DATABASE ... TO ...; then again.",
        ) from error


def require_ledger(cursor: Cursor[Any], *, name: str) -> None:
    """Refuse a database without a ledger, or of a batchcancel that knows more than this one."""
    version = found_version(cursor)
    if version is None:
        raise InputError(
            f"{name} holds no ledger of batchcancel",
            hint="Check the database's name; the first plan or run makes the tables.",
        )
    if version > VERSION:
        raise InputError(
            f"{name} was written by a newer batchcancel (ledger version {version}, "
            f"this program knows {VERSION})",
            hint="Upgrade batchcancel.",
        )


def found_version(cursor: Cursor[Any]) -> int | None:
    if not cursor.execute(_IS_THERE).fetchall():
        return None
    found = cursor.execute("SELECT max(version) FROM batchcancel.version").fetchone()
    return None if found is None else found[0]

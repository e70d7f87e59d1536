"""The tables of a PostgreSQL ledger, in a schema of their own, made on first use.

Ids are compared byte by byte, whatever the database's locale. Rows of many batches and origins
live side by side; one row of `leases` for each batch says whose turn it is to write on it.
"""

from typing import Any

from psycopg import Cursor
from psycopg.errors import InsufficientPrivilege

from batchcancel.errors import InputError
from batchcancel.ledgers.migrations import VERSION, postgres_steps, require_known

_FIRST_USE = 0x62636C67
"""The number under which two first users wait for each other; "bclg"."""

_TABLES = """
CREATE SCHEMA IF NOT EXISTS batchcancel;
CREATE TABLE version (version integer NOT NULL);

CREATE TABLE batches (
    batch_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text COLLATE "C" NOT NULL UNIQUE,
    origin        text NOT NULL,
    digest        text NOT NULL,
    rows          integer NOT NULL,
    rejected_rows integer NOT NULL,
    duplicates    integer NOT NULL,
    enrolments    integer NOT NULL DEFAULT 1,
    kind          text NOT NULL DEFAULT 'cancel',
    of_batch      text,
    notice_hours  double precision,
    timezone      text,
    sessions      text,
    notes         text,
    selection     text,
    approval      text,
    approved_by   text,
    approved_at   timestamptz
);
COMMENT ON COLUMN batches.enrolments IS 'how often its manifest was enrolled';
COMMENT ON COLUMN batches.kind IS 'cancel, restore';
COMMENT ON COLUMN batches.selection IS 'what find was asked for';

CREATE SEQUENCE tokens;
CREATE TABLE leases (
    batch      text COLLATE "C" PRIMARY KEY,
    token      bigint NOT NULL,
    session    uuid NOT NULL,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL,
    commits    bigint NOT NULL
);
COMMENT ON TABLE leases IS 'who may write on a batch, until when';
COMMENT ON COLUMN leases.token IS 'grows with every new holder; writes carry it';
COMMENT ON COLUMN leases.commits IS 'transactions written under this token';

CREATE TABLE runs (
    number     bigint GENERATED ALWAYS AS IDENTITY,
    run_id     text COLLATE "C" PRIMARY KEY,
    batch      text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    exit_code  integer,
    version    text,
    "user"     text,
    host       text,
    pid        bigint,
    options    text,
    counts     text,
    why        text
);
COMMENT ON COLUMN runs.options IS 'as JSON, without anything secret';
COMMENT ON COLUMN runs.counts IS 'of its rows at its end, as JSON';
COMMENT ON COLUMN runs.why IS 'it ended, where it ended early';

CREATE TABLE rows (
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
    line           bigint,
    manifest_start text,
    start_known_by text,
    previous_status  text,
    seen_updated_at  timestamptz,
    observed_at      timestamptz,
    observed_status  text,
    observed_date    date,
    observed_session text,
    observed_branch  text,
    observed_label   text,
    resolved_as      text,
    resolved_by      text,
    resolved_at      timestamptz,
    resolved_reason  text,
    PRIMARY KEY (batch_id, appointment_id)
);
COMMENT ON COLUMN rows.state IS 'waiting, open, settled';
COMMENT ON COLUMN rows.enrolment IS 'the last enrolment that named this row';
COMMENT ON COLUMN rows.starts_at IS 'as the manifest says';
COMMENT ON COLUMN rows.learned_start IS 'as a look-up found';
COMMENT ON COLUMN rows.line IS 'of the manifest';
COMMENT ON COLUMN rows.manifest_start IS 'the start as the manifest wrote it';
COMMENT ON COLUMN rows.seen_updated_at IS 'updated_at of the record that proved the outcome';

CREATE VIEW account AS
    SELECT name AS batch, coalesce(starts_at, learned_start) AS start, rows.*
    FROM batches JOIN rows USING (batch_id);

CREATE TABLE rejected_rows (
    batch_id bigint NOT NULL,
    line     bigint NOT NULL,
    reason   text NOT NULL,
    appointment_id text
);
CREATE INDEX rejected_rows_of_batch ON rejected_rows (batch_id);

CREATE TABLE requests (
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
COMMENT ON COLUMN requests.run_id IS 'empty when a plan asked';
COMMENT ON COLUMN requests.key IS 'fingerprint of the API key';
CREATE INDEX requests_of_key ON requests (key, sent_at);

CREATE TABLE windows (
    key          text PRIMARY KEY,
    closed_until timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON TABLE windows IS 'the rate limit of each API key, for all hosts';

CREATE TABLE slots (
    slot        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL,
    taken_at    timestamptz NOT NULL,
    counted_by  timestamptz NOT NULL,
    is_answered boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN slots.counted_by IS 'the API has counted the request by then';
CREATE INDEX slots_of_key ON slots (key, counted_by);

CREATE TABLE pauses (
    run_id     text NOT NULL,
    began_at   timestamptz NOT NULL,
    ended_at   timestamptz,
    reason     text NOT NULL
);
COMMENT ON TABLE pauses IS 'waits that are worth telling';
CREATE INDEX pauses_of_run ON pauses (run_id);

CREATE TABLE looks (
    kind       text NOT NULL,
    batch      text NOT NULL,
    looked_at  timestamptz NOT NULL,
    found      text NOT NULL
);
COMMENT ON TABLE looks IS 'what was found by looking, as JSON';
CREATE INDEX looks_of_batch ON looks (batch, kind);
"""
# Asked of the catalogue itself: to_regclass() may answer from before the wait for a first user.
_IS_THERE = """
    SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'batchcancel' AND tablename = 'version'
"""


def prepare(cursor: Cursor[Any], *, name: str) -> None:
    """Leave tables of this version behind: made, or migrated; two at once wait in line."""
    if found_version(cursor) == VERSION:
        return
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_FIRST_USE,))
    version = found_version(cursor)
    if version is None:
        _create(cursor, name=name)
    elif version < VERSION:
        _migrate(cursor, version, name=name)


def require_ledger(cursor: Cursor[Any], *, name: str) -> int:
    """Refuse a database without a ledger, or of a later program; give the ledger's version."""
    version = found_version(cursor)
    if version is None:
        raise InputError(
            f"{name} holds no ledger of batchcancel",
            hint="Check the database's name; the first plan or run makes the tables.",
        )
    require_known(version, name=name)
    return version


def found_version(cursor: Cursor[Any]) -> int | None:
    if not cursor.execute(_IS_THERE).fetchall():
        return None
    # With its schema's name: a search_path passes over a schema that this user may not use.
    found = cursor.execute("SELECT max(version) FROM batchcancel.version").fetchone()
    return None if found is None else found[0]


def _create(cursor: Cursor[Any], *, name: str) -> None:
    try:
        cursor.execute(_TABLES)
        cursor.execute("INSERT INTO version VALUES (%s)", (VERSION,))
    except InsufficientPrivilege as error:
        raise InputError(
            f"{name} holds no ledger yet, and this user may not make one",
            hint="Let the database's owner run: GRANT CREATE ON DATABASE ... TO ...; then again.",
        ) from error


def _migrate(cursor: Cursor[Any], version: int, *, name: str) -> None:
    try:
        cursor.execute(postgres_steps(version))
        cursor.execute("UPDATE version SET version = %s", (VERSION,))
    except InsufficientPrivilege as error:
        raise InputError(
            f"{name} holds a ledger of version {version}, and this user may not change its tables "
            f"to version {VERSION}",
            hint="Let the user who owns its tables run a plan or a run once. status and export "
            "read it as it is.",
        ) from error

"""The PostgreSQL ledger at a URL, and why there may be none."""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Cursor

from batchcancel.errors import InputError
from batchcancel.ledger_address import shown
from batchcancel.ledgers.postgres import PostgresLedger
from batchcancel.ledgers.postgres_connection import PatientConnection, connection_info
from batchcancel.ledgers.postgres_lease import TTL_S
from batchcancel.ledgers.postgres_reader import PostgresReader
from batchcancel.ledgers.postgres_schema import create_if_missing, require_ledger
from batchcancel.ledgers.postgres_trouble import diagnose, refused_connection

Prepare = Callable[[Cursor[Any]], None]


def open_postgres(url: str, *, origin: str, key: str, ttl: float = TTL_S) -> PostgresLedger:
    """Open a ledger for one run, and make its tables where there are none.

    `key` is the fingerprint of the API key; `ttl` is how long a batch stays with a run that is
    not heard of. Raises InputError when the database cannot be used, or only read.
    """
    name = shown(url)
    info = _info(url)
    db = _opened(PatientConnection(info), lambda cursor: _prepare(cursor, name), name=name)
    return PostgresLedger(
        db, PatientConnection(info, patience=0), name=name, origin=origin, key=key, ttl=ttl
    )


def read_postgres(url: str) -> PostgresReader:
    """Open a ledger for questions only; it may be in use by runs, or on a standby."""
    name = shown(url)
    db = _opened(
        PatientConnection(_info(url)), lambda cursor: require_ledger(cursor, name=name), name=name
    )
    return PostgresReader(db, name=name)


def _prepare(cursor: Cursor[Any], name: str) -> None:
    ((is_read_only,),) = cursor.execute("SHOW transaction_read_only").fetchall()
    if is_read_only == "on":
        raise InputError(
            f"{name} is read-only, as a standby is",
            hint="Name the primary server with --ledger. Nothing was sent.",
        )
    create_if_missing(cursor, name=name)
    require_ledger(cursor, name=name)


def _info(url: str) -> str:
    try:
        return connection_info(url)
    except psycopg.ProgrammingError:
        raise InputError(
            f"{shown(url)} is no URL of a PostgreSQL database",
            hint="Write postgresql://user@host:5432/database, with % codes for special signs.",
        ) from None


def _opened(db: PatientConnection, prepare: Prepare, *, name: str) -> PatientConnection:
    try:
        db.once(prepare)
    except psycopg.Error as error:
        is_unconnected = type(error) is psycopg.OperationalError
        trouble = refused_connection(error) if is_unconnected else diagnose(error)
        raise InputError(f"{name} {trouble.meaning}", hint=trouble.hint) from error
    except InputError:
        db.close()
        raise
    return db

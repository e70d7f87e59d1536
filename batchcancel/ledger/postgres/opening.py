"""The PostgreSQL ledger at a URL, and why there may be none."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import TypeVar

import psycopg

from batchcancel.addresses import redacted_ledger
from batchcancel.clock import utc_now
from batchcancel.errors import InputError, StoppedEarly
from batchcancel.ledger.lease import TTL_S
from batchcancel.ledger.postgres.connection import (
    PATIENCE_S,
    Patience,
    PatientConnection,
    PostgresStatements,
    Work,
    connection_info,
)
from batchcancel.ledger.postgres.lease import CLOCKS_DIFFER_S
from batchcancel.ledger.postgres.ledger import PostgresLedger, PostgresReader
from batchcancel.ledger.postgres.refusal import refused_connection
from batchcancel.ledger.postgres.schema import ddl, prepare, require_ledger
from batchcancel.ledger.postgres.trouble import diagnose

Result = TypeVar("Result")


__all__ = ["ddl", "open_postgres", "read_postgres"]


def open_postgres(
    url: str,
    *,
    origin: str,
    key: str,
    ttl: float = TTL_S,
    patience: float = PATIENCE_S,
    now: Callable[[], datetime] = utc_now,
) -> PostgresLedger:
    """Open a ledger for one run, and make its tables where there are none.

    `key` is the fingerprint of the API key; `ttl` is how long a batch stays with a run that is
    not heard of, `patience` how long a run waits for a server that is not, both in seconds.
    Raises InputError when the database cannot be used, or only read; StoppedEarly when it does
    not answer just now.
    """
    name, info = redacted_ledger(url), _info(url)
    shared = Patience(patience)
    db, side = PatientConnection(info, shared), PatientConnection(info, shared)
    _prepared(db, lambda into: _prepare(into, name, now), name=name, info=info)
    return PostgresLedger(db, side, shared, name=name, origin=origin, key=key, ttl=ttl)


def read_postgres(url: str) -> PostgresReader:
    """Open a ledger for questions only; it may be in use by runs, or on a standby."""
    name, info = redacted_ledger(url), _info(url)
    db = PatientConnection(info)
    version = _prepared(db, lambda into: require_ledger(into, name=name), name=name, info=info)
    return PostgresReader(db, name=name, version=version)


def _prepare(into: PostgresStatements, name: str, now: Callable[[], datetime]) -> None:
    ((is_read_only,),) = into.fetch("SHOW transaction_read_only", {})
    if is_read_only == "on":
        raise InputError(
            f"{name} is read-only, as a standby is",
            hint="Name the primary server with --ledger. Nothing was sent.",
        )
    _require_clock(into, now, name=name)
    prepare(into, name=name)
    require_ledger(into, name=name)


def _require_clock(into: PostgresStatements, now: Callable[[], datetime], *, name: str) -> None:
    ((its,),) = into.fetch("SELECT clock_timestamp()", {})
    ahead = (now() - its).total_seconds()
    if abs(ahead) > CLOCKS_DIFFER_S:
        raise InputError(
            f"this machine's clock is {ahead:+.0f} s from that of {name}: what one host writes "
            "another could not judge",
            hint="Set the clock that is wrong. Nothing was sent.",
        )


def _info(url: str) -> str:
    try:
        return connection_info(url)
    except psycopg.ProgrammingError:
        raise InputError(
            f"{redacted_ledger(url)} is no URL of a PostgreSQL database",
            hint="Write postgresql://user@host:5432/database, with % codes for special signs.",
        ) from None


def _prepared(db: PatientConnection, prepare: Work[Result], *, name: str, info: str) -> Result:
    with ExitStack() as undo:
        undo.callback(db.close)
        try:
            result = db.once(prepare)
        except psycopg.Error as error:
            is_unconnected = type(error) is psycopg.OperationalError
            found = refused_connection(error, info) if is_unconnected else diagnose(error)
            kind = StoppedEarly if found.is_trouble else InputError
            raise kind(f"{name} {found.meaning}", hint=found.hint) from error
        undo.pop_all()
        return result

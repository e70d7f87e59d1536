"""The PostgreSQL ledger: many batches in one database, for runs that may go on elsewhere."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.errors import InsufficientPrivilege, LockNotAvailable, UntranslatableCharacter

from batchcancel.addresses import redacted_ledger
from batchcancel.api import Rate, SharedWindow
from batchcancel.clock import Stopwatch, utc_now
from batchcancel.errors import (
    BatchcancelError,
    BatchHeld,
    InputError,
    LedgerWriteFailed,
    StoppedEarly,
)
from batchcancel.ledger.contract import Run
from batchcancel.ledger.lease import HOLDS, TTL_S, leased
from batchcancel.ledger.postgres.connection import (
    PATIENCE_S,
    Patience,
    PatientConnection,
    PostgresStatements,
    Work,
    connection_info,
)
from batchcancel.ledger.postgres.lease import (
    CLOCKS_DIFFER_S,
    HELD_NOW,
    LOCK_LOADED,
    Lease,
    server_of,
    stood,
    take,
)
from batchcancel.ledger.postgres.schema import prepare, require_ledger
from batchcancel.ledger.postgres.trouble import diagnose, refused_connection, write_failures
from batchcancel.ledger.postgres.window import PostgresWindow
from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.statements import Values, for_psycopg
from batchcancel.ledger.writing import Ledger

Result = TypeVar("Result")


class PostgresReader(LedgerReader):
    """The questions, also while runs are writing; each is answered as of one moment."""

    _order = "number"
    _listed = "SELECT json_array_elements_text(CAST(:batches AS json))"
    _alive = f"{HOLDS} AND expires_at > clock_timestamp()"
    _db: PatientConnection

    def is_held(self, batch: str) -> bool:
        asked = {"batch": batch, "leased": leased(batch)}
        return self._version > 1 and bool(self.ask(self._alive, **asked))

    def _execute(self, sql: str, values: Values, *, is_streamed: bool) -> Iterable[Any]:
        if is_streamed:
            return self._streamed(sql, values)
        try:
            return self._db.repeat(lambda into: into.fetch(sql, values))
        except psycopg.Error as error:
            raise self._trouble(diagnose(error)) from error

    def _streamed(self, sql: str, values: Values) -> Iterator[Any]:
        try:
            with self._db.stream(for_psycopg(sql), values) as rows:
                yield from rows
        except psycopg.Error as error:
            raise self._trouble(diagnose(error)) from error


class PostgresLedger(Ledger, PostgresReader):
    """The account of one run. `db` is for its account; `side` for what must not wait for that."""

    _ORIGINS = "SELECT origin FROM batches WHERE name = :batch"

    def __init__(
        self, db: PatientConnection, side: PatientConnection, patience: Patience, **whose: Any
    ) -> None:
        super().__init__(db, **whose)
        self._side = side
        self._patience = patience
        self._session = uuid.uuid4()
        self._lease: Lease | None = None

    def require_held(self) -> None:
        if self._lease is not None:
            self._lease.require()

    def require_room_for(self, texts: Iterable[str]) -> None:
        """A database whose encoding is not UTF-8 lacks some characters."""
        odd = sorted({text for text in texts if not text.isascii()})
        if not odd or [("UTF8",)] == self.ask("SELECT current_setting('server_encoding')"):
            return
        for text in odd:
            try:
                self.ask("SELECT :text", text=text)
            except BatchcancelError as error:
                if not isinstance(error.__cause__, UntranslatableCharacter):
                    raise
                raise InputError(
                    f"{self._name} cannot keep {text!r}: its encoding lacks some of the characters",
                    hint="Name a database that was created with ENCODING 'UTF8'. Nothing was sent.",
                ) from error

    def shared_window(self, rate: Rate, *, timeout: float) -> SharedWindow:
        return PostgresWindow(
            self._side, name=self._name, key=self._key, rate=rate, timeout=timeout
        )

    def hurry(self, after: float) -> None:
        self._patience.hurry(after)

    def close(self) -> None:
        """Let go of the batch and the connections; closing twice is harmless."""
        self._stop_heartbeat()
        if (lease := self._lease) is not None:
            with suppress(psycopg.Error, LedgerWriteFailed):
                self._db.once(lease.release)
        self._lease = None
        self._forget()
        self._side.close()
        super().close()

    def _write(self, work: Work[Result], *, is_long: bool = False) -> Result:
        with write_failures(self._name):
            if self._lease is not None:
                return self._lease.write(self._db, work, is_long=is_long)
            return (self._db.once if is_long else self._db.repeat)(work, is_long=is_long)

    def _take(self, run: Run) -> Lease:
        self._session = uuid.uuid4()
        taken = Stopwatch()

        def begin(into: PostgresStatements) -> tuple[int, int]:
            one = take(into, run, session=self._session, server=server, ttl=self._ttl)
            if one.is_new:
                self._begin(into, run)
            commits = self._look_back(into, run, token=one.before, is_same=one.is_same)
            return one.token, commits

        try:
            with write_failures(self._name):
                server = server_of(self._side)
            token, commits = self._write(begin)
        except LedgerWriteFailed as error:  # nothing was sent yet
            if isinstance(error.__cause__, LockNotAvailable):
                raise BatchHeld(
                    f"another run is writing on batch {run.batch} just now",
                    hint="Wait until it has finished, or stop it.",
                ) from error
            if isinstance(error.__cause__, InsufficientPrivilege):
                raise InputError(error.message, hint=error.hint) from error
            raise
        return Lease(
            batch=run.batch, token=token, ttl=self._ttl, taken=taken, commits=commits,
            session=self._session,
        )  # fmt: skip

    def _stood(self, into: PostgresStatements, batch: str) -> tuple[int, bool]:
        return stood(into, batch, server=server_of(self._side))

    def _renew(self) -> None:
        if self._lease is not None:
            with write_failures(self._name):
                self._lease.renew(self._side)

    def _held(self, into: PostgresStatements) -> set[str]:
        into.fetch(LOCK_LOADED)
        return {one for (one,) in into.fetch(HELD_NOW)}

    def _identity(self, number: int) -> Values:
        """Requests are numbered from 1 in every session."""
        return {"session": self._session, "request": number}


def open_postgres(
    url: str, *, origin: str, key: str, ttl: float = TTL_S, patience: float = PATIENCE_S,
    now: Callable[[], datetime] = utc_now, state: Path | None = None,
) -> PostgresLedger:  # fmt: skip
    """Open a ledger for one run, and make its tables where there are none.

    `key` is the fingerprint of the API key; `ttl` is how long a batch stays with a run that is
    not heard of, `patience` how long a run waits for a server that is not, both in seconds.
    Raises InputError when the database cannot be used, or only read; StoppedEarly when it does
    not answer just now.
    """
    name, info = _address(url)
    shared = Patience(patience)
    db, side = PatientConnection(info, shared), PatientConnection(info, shared)
    _prepared(db, lambda into: _prepare(into, name, now), name=name, info=info)
    whose = {"name": name, "origin": origin, "key": key, "ttl": ttl, "state": state}
    return PostgresLedger(db, side, shared, **whose)


def read_postgres(url: str) -> PostgresReader:
    """Open a ledger for questions only; it may be in use by runs, or on a standby."""
    name, info = _address(url)
    db = PatientConnection(info)
    version = _prepared(db, lambda into: require_ledger(into, name=name), name=name, info=info)
    return PostgresReader(db, name=name, version=version)


def _prepare(into: PostgresStatements, name: str, now: Callable[[], datetime]) -> None:
    ((is_read_only, its),) = into.fetch(
        "SELECT current_setting('transaction_read_only'), clock_timestamp()"
    )
    if is_read_only == "on":
        raise InputError(
            f"{name} is read-only, as a standby is",
            hint="Name the primary server with --ledger. Nothing was sent.",
        )
    ahead = (now() - its).total_seconds()
    if abs(ahead) > CLOCKS_DIFFER_S:
        raise InputError(
            f"this machine's clock is {ahead:+.0f} s from that of {name}: what one host writes "
            "another could not judge",
            hint="Set the clock that is wrong. Nothing was sent.",
        )
    prepare(into, name=name)


def _address(url: str) -> tuple[str, str]:
    """What may be shown of it, and what to connect with."""
    name = redacted_ledger(url)
    try:
        return name, connection_info(url)
    except (psycopg.ProgrammingError, ValueError):
        raise InputError(
            f"{name} is no URL of a PostgreSQL database",
            hint="Write postgresql://user@host:5432/database, with % codes for special signs.",
        ) from None


def _prepared(db: PatientConnection, prepare: Work[Result], *, name: str, info: str) -> Result:
    try:
        return db.once(prepare)
    except BaseException as error:
        db.close()
        if not isinstance(error, psycopg.Error):
            raise
        is_unconnected = type(error) is psycopg.OperationalError
        found = refused_connection(error, info) if is_unconnected else diagnose(error)
        kind = StoppedEarly if found.is_trouble else InputError
        raise kind(f"{name} {found.meaning}", hint=found.hint) from error

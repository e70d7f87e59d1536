"""The PostgreSQL ledger: many batches in one database, for runs that may go on elsewhere."""

import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.errors import UntranslatableCharacter

from batchcancel.api import Rate, SharedWindow
from batchcancel.clock import Stopwatch
from batchcancel.errors import BatchcancelError, InputError, LedgerWriteFailed
from batchcancel.ledger.contract import Run
from batchcancel.ledger.postgres.connection import (
    Patience,
    PatientConnection,
    PostgresStatements,
    Work,
)
from batchcancel.ledger.postgres.lease import Lease, refusal, take
from batchcancel.ledger.postgres.trouble import diagnose, write_failures
from batchcancel.ledger.postgres.window import PostgresWindow
from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.statements import Values, for_psycopg
from batchcancel.ledger.writing import Ledger

Result = TypeVar("Result")


class PostgresReader(LedgerReader):
    """The questions, also while runs are writing; each is answered as of one moment."""

    _order = "number"
    _alive = "SELECT 1 FROM leases WHERE batch = :batch AND expires_at > clock_timestamp()"
    _db: PatientConnection

    def is_held(self, batch: str) -> bool:
        return self._version > 1 and bool(self.ask(self._alive, batch=batch))

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
        self,
        db: PatientConnection,
        side: PatientConnection,
        patience: Patience,
        **whose: Any,
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
        for text in sorted({text for text in texts if not text.isascii()}):
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

    def hurry(self) -> None:
        self._patience.hurry()

    def close(self) -> None:
        """Let go of the batch and the connections; closing twice is harmless."""
        self._stop_heartbeat()
        if (lease := self._lease) is not None:
            with suppress(psycopg.Error, LedgerWriteFailed):
                self._db.once(lease.release)
        self._lease = None
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
        try:
            with write_failures(self._name):
                token = self._db.repeat(lambda into: self._taken(into, run))
        except LedgerWriteFailed as error:
            raise refusal(error, run) from error
        return Lease(batch=run.batch, token=token, ttl=self._ttl, taken=taken)

    def _taken(self, into: PostgresStatements, run: Run) -> int:
        token, is_new = take(into, run, session=self._session, ttl=self._ttl)
        if is_new:
            self._begin(into, run)
        return token

    def _renew(self) -> None:
        if self._lease is not None:
            with write_failures(self._name):
                self._lease.renew(self._side)

    def _identity(self, number: int) -> Values:
        """Requests are numbered from 1 in every session."""
        return {"session": self._session, "request": number}

"""The PostgreSQL ledger: many batches in one database, for runs that may go on elsewhere."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import Cursor

from batchcancel.api import Rate, SharedWindow
from batchcancel.appointments import Outcome, RejectedRow
from batchcancel.clock import Stopwatch
from batchcancel.errors import BatchHeld, InputError, LedgerWriteFailed, StoppedEarly
from batchcancel.ledger import enrolment
from batchcancel.ledger.contract import (
    Approved,
    Batch,
    Entry,
    Ledger,
    LedgerRow,
    Observation,
    Run,
)
from batchcancel.ledger.entries import Holder, Requests, begin_run, end_run, record
from batchcancel.ledger.lease import BEATS, Heartbeat
from batchcancel.ledger.postgres.connection import PatientConnection, PostgresStatements
from batchcancel.ledger.postgres.enrolment import PostgresLoad
from batchcancel.ledger.postgres.lease import Lease, refusal, take
from batchcancel.ledger.postgres.reader import PostgresReader
from batchcancel.ledger.postgres.trouble import write_failures
from batchcancel.ledger.postgres.window import PostgresWindow
from batchcancel.ledger.statements import Values

Result = TypeVar("Result")
Work = Callable[[Cursor[Any]], Result]

_ORIGIN = "SELECT origin FROM batches WHERE name = :batch"
# A plan holds no lease, so its lost COMMIT is written once more: that must change nothing.
_ASK = """
    INSERT INTO requests
        (session, request, run_id, key, kind, appointment_id, attempt, sent_at)
    VALUES (:session, :request, :run_id, :key, :kind, :appointment_id, :attempt, :at)
    ON CONFLICT (session, request) DO UPDATE SET sent_at = excluded.sent_at
"""
_ANSWER = """
    UPDATE requests SET answered_at = :at, result = :result
    WHERE session = :session AND request = :request
"""


class PostgresLedger(PostgresReader, Ledger):
    """The account of one run. `db` is for its account; `side` for what must not wait for that."""

    _unreadable = StoppedEarly

    def __init__(
        self,
        db: PatientConnection,
        side: PatientConnection,
        *,
        name: str,
        origin: str,
        key: str,
        ttl: float,
    ) -> None:
        super().__init__(db, name=name)
        self._side = side
        self._origin = origin
        self._key = key
        self._ttl = ttl
        self._session = uuid.uuid4()
        self._run: Run | None = None
        self._lease: Lease | None = None
        self._heartbeat: Heartbeat | None = None

    def hold(self, run: Run) -> None:
        if self._run is not None:
            raise BatchHeld(f"run {self._run.run_id} has batch {self._run.batch}")
        self._session = uuid.uuid4()
        taken = Stopwatch()
        try:
            with write_failures(self._name):
                token = self._db.repeat(lambda cursor: self._take(cursor, run))
        except LedgerWriteFailed as error:
            raise refusal(error, run) from error
        lease = Lease(batch=run.batch, token=token, ttl=self._ttl, taken=taken)
        self._run, self._lease = run, lease
        self._heartbeat = Heartbeat(
            lambda: lease.renew(self._side), every=self._ttl / BEATS, passing=psycopg.Error
        )

    def require_held(self) -> None:
        if self._lease is not None:
            self._lease.require()

    def shared_window(self, rate: Rate, *, timeout: float) -> SharedWindow:
        return PostgresWindow(
            self._side, name=self._name, key=self._key, rate=rate, timeout=timeout
        )

    def finish(self, run: Run) -> None:
        self._stop_heartbeat()
        with write_failures(self._name):
            self._db.repeat(lambda cursor: self._end(cursor, run))
        self._run = self._lease = None

    def enrol(
        self, batch: Batch, rows: Iterable[LedgerRow], rejected: Iterable[RejectedRow]
    ) -> None:
        self._require_origin(batch.origin)
        if batch in self.batches():
            return

        def enrol(cursor: Cursor[Any]) -> None:
            statements = PostgresStatements(cursor)
            self._require_origin_of(statements, batch.name)
            load = PostgresLoad(cursor)
            enrolment.enrol(statements, load, batch=batch, rows=rows, rejected=rejected)

        self._write_long(enrol)

    def decide(
        self,
        batch: str,
        endings: Iterable[tuple[str, Outcome]],
        observed: Iterable[Observation] = (),
    ) -> None:
        def decide(cursor: Cursor[Any]) -> None:
            load = PostgresLoad(cursor)
            enrolment.decide(
                PostgresStatements(cursor), load, batch=batch, endings=endings, observed=observed
            )

        self._write_long(decide)

    def reopen_refused(self, batch: str) -> int:
        return self._write_long(
            lambda cursor: enrolment.reopen_refused(PostgresStatements(cursor), batch)
        )

    def approve(self, batch: str, approved: Approved) -> None:
        self._write_long(
            lambda cursor: enrolment.approve(PostgresStatements(cursor), batch, approved)
        )

    def commit(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return

        def commit(cursor: Cursor[Any]) -> None:
            statements = PostgresStatements(cursor)
            holder = self._holder(statements)
            for entry in entries:
                record(statements, entry, holder)

        with write_failures(self._name):
            if self._lease is None:
                self._db.repeat(commit)
            else:
                self._lease.write(self._db, commit)

    def hurry(self) -> None:
        self._db.hurry()
        self._side.hurry()

    def close(self) -> None:
        """Let go of the batch and the connections; closing twice is harmless."""
        self._stop_heartbeat()
        if (lease := self._lease) is not None:
            with suppress(psycopg.Error, LedgerWriteFailed):
                self._db.once(lease.release)
        self._lease = None
        self._side.close()
        super().close()

    def _write_long(self, work: Work[Result]) -> Result:
        with write_failures(self._name):
            if self._lease is None:
                return self._db.once(work, is_long=True)
            return self._lease.write(self._db, work, is_long=True)

    def _take(self, cursor: Cursor[Any], run: Run) -> int:
        statements = PostgresStatements(cursor)
        self._require_origin_of(statements, run.batch)
        token, is_new = take(statements, run, session=self._session, ttl=self._ttl)
        if is_new:
            begin_run(statements, run)
        return token

    def _end(self, cursor: Cursor[Any], run: Run) -> None:
        if self._lease is not None:
            self._lease.release(cursor)
        end_run(PostgresStatements(cursor), run)

    def _holder(self, statements: PostgresStatements) -> Holder:
        run = self._run
        return Holder(
            batch_id=None if run is None else enrolment.batch_id_of(statements, run.batch),
            run_id=None if run is None else run.run_id,
            key=self._key,
            requests=Requests(ask=_ASK, answer=_ANSWER, identity=self._request_key),
        )

    def _request_key(self, number: int) -> Values:
        """Requests are numbered from 1 in every session."""
        return {"session": self._session, "request": number}

    def _require_origin_of(self, statements: PostgresStatements, batch: str) -> None:
        for (origin,) in statements.fetch(_ORIGIN, {"batch": batch}):
            self._require_origin(origin)

    def _require_origin(self, origin: str) -> None:
        if origin != self._origin:
            raise InputError(
                f"this batch in {self._name} is of {origin}, and this run is for {self._origin}",
                hint="Name another batch with --batch, or another ledger with --ledger.",
            )

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._heartbeat = None

"""The PostgreSQL ledger: many batches in one database, for runs that may go on elsewhere."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import Cursor

from batchcancel.api import Rate, SharedWindow
from batchcancel.appointments import RejectedRow, SkipReason, require_aware
from batchcancel.clock import Stopwatch
from batchcancel.errors import BatchHeld, InputError, LedgerWriteFailed, StoppedEarly
from batchcancel.ledger import Batch, Entry, Ledger, LedgerRow, Run
from batchcancel.ledgers import postgres_enrolment, postgres_lease
from batchcancel.ledgers.postgres_connection import PatientConnection
from batchcancel.ledgers.postgres_enrolment import batch_id_of
from batchcancel.ledgers.postgres_entries import Writing, record
from batchcancel.ledgers.postgres_keeper import Keeper
from batchcancel.ledgers.postgres_lease import Lease
from batchcancel.ledgers.postgres_reader import PostgresReader
from batchcancel.ledgers.postgres_trouble import write_failures
from batchcancel.ledgers.postgres_window import PostgresWindow

Result = TypeVar("Result")
Work = Callable[[Cursor[Any]], Result]

_ORIGIN = "SELECT origin FROM batchcancel.batches WHERE name = %s"
_BEGIN = """
    INSERT INTO batchcancel.runs (run_id, batch, started_at)
    VALUES (%(run_id)s, %(batch)s, %(started_at)s)
"""
_END = """
    UPDATE batchcancel.runs SET ended_at = %(ended_at)s, exit_code = %(exit_code)s
    WHERE run_id = %(run_id)s
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
        self._keeper: Keeper | None = None

    def hold(self, run: Run) -> None:
        if self._run is not None:
            raise BatchHeld(f"run {self._run.run_id} has batch {self._run.batch}")
        self._session = uuid.uuid4()
        taken = Stopwatch()
        try:
            with write_failures(self._name):
                token = self._db.repeat(lambda cursor: self._take(cursor, run))
        except LedgerWriteFailed as error:
            raise postgres_lease.refusal(error, run) from error
        lease = Lease(batch=run.batch, token=token, ttl=self._ttl, taken=taken)
        self._run, self._lease = run, lease
        self._keeper = Keeper(lambda: lease.renew(self._side), every=self._ttl / 3)

    def require_held(self) -> None:
        if self._lease is not None:
            self._lease.require()

    def shared_window(self, rate: Rate, *, timeout: float) -> SharedWindow:
        return PostgresWindow(
            self._side, name=self._name, key=self._key, rate=rate, timeout=timeout
        )

    def finish(self, run: Run) -> None:
        self._stop_keeping()
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
            self._require_origin_of(cursor, batch.name)
            postgres_enrolment.enrol(cursor, batch, rows, rejected)

        self._write_long(enrol)

    def decide(self, batch: str, skips: Iterable[tuple[str, SkipReason]]) -> None:
        self._write_long(lambda cursor: postgres_enrolment.decide(cursor, batch, skips))

    def reopen_refused(self, batch: str) -> int:
        return self._write_long(lambda cursor: postgres_enrolment.reopen_refused(cursor, batch))

    def commit(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return

        def commit(cursor: Cursor[Any]) -> None:
            writing = self._writing(cursor)
            for entry in entries:
                record(cursor, entry, writing)

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
        self._stop_keeping()
        if (lease := self._lease) is not None:
            with suppress(psycopg.Error, LedgerWriteFailed):
                self._db.once(lease.release)
        self._lease = None
        self._side.close()
        super().close()

    def _write_long(self, work: Work[Result]) -> Result:
        with write_failures(self._name):
            if self._lease is None:
                return self._db.once(work)
            return self._lease.write(self._db, work, is_long=True)

    def _take(self, cursor: Cursor[Any], run: Run) -> int:
        self._require_origin_of(cursor, run.batch)
        require_aware(run.started_at)
        token, is_new = postgres_lease.take(cursor, run, session=self._session, ttl=self._ttl)
        if is_new:
            values = {"run_id": run.run_id, "batch": run.batch, "started_at": run.started_at}
            cursor.execute(_BEGIN, values)
        return token

    def _end(self, cursor: Cursor[Any], run: Run) -> None:
        if self._lease is not None:
            self._lease.release(cursor)
        require_aware(run.ended_at)
        ending = {"ended_at": run.ended_at, "exit_code": run.exit_code, "run_id": run.run_id}
        if cursor.execute(_END, ending).rowcount != 1:
            raise LedgerWriteFailed(f"run {run.run_id} cannot finish: it never began")

    def _writing(self, cursor: Cursor[Any]) -> Writing:
        run = self._run
        return Writing(
            session=self._session,
            batch_id=None if run is None else batch_id_of(cursor, run.batch),
            run_id=None if run is None else run.run_id,
            key=self._key,
        )

    def _require_origin_of(self, cursor: Cursor[Any], batch: str) -> None:
        found = cursor.execute(_ORIGIN, (batch,)).fetchone()
        if found is not None:
            self._require_origin(found[0])

    def _require_origin(self, origin: str) -> None:
        if origin != self._origin:
            raise InputError(
                f"this batch in {self._name} is of {origin}, and this run is for {self._origin}",
                hint="Name another batch with --batch, or another ledger with --ledger.",
            )

    def _stop_keeping(self) -> None:
        if self._keeper is not None:
            self._keeper.stop()
        self._keeper = None

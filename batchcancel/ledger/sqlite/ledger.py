"""The SQLite ledger: one file, one writer, every commit on the disk before it returns."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from batchcancel.api import Rate
from batchcancel.appointments import Outcome, RejectedRow
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
from batchcancel.ledger.lease import BEATS, TTL_S, Heartbeat
from batchcancel.ledger.sqlite.connection import (
    SqliteStatements,
    connect_for_writing,
    connect_in_memory,
    settle_into_one_file,
)
from batchcancel.ledger.sqlite.enrolment import SqliteLoad
from batchcancel.ledger.sqlite.lease import Lease, end, require_free, take
from batchcancel.ledger.sqlite.place import FileLock, Place, require_place, require_private
from batchcancel.ledger.sqlite.reader import SqliteReader, read_sqlite
from batchcancel.ledger.sqlite.trouble import diagnose
from batchcancel.ledger.statements import Values

__all__ = ["SqliteLedger", "SqliteReader", "memory_sqlite", "open_sqlite", "read_sqlite"]

_ASK = """
    INSERT INTO requests (request_id, run_id, key, kind, appointment_id, attempt, sent_at)
    VALUES (:request_id, :run_id, :key, :kind, :appointment_id, :attempt, :at)
"""
_ANSWER = """
    UPDATE requests SET answered_at = :at, result = :result WHERE request_id = :request_id
"""


class SqliteLedger(SqliteReader, Ledger):
    """The account of one run in a database that only this object writes."""

    _unreadable = StoppedEarly

    def __init__(
        self,
        db: sqlite3.Connection,
        *,
        name: str,
        origin: str,
        key: str,
        lock: FileLock | None = None,
        place: Place | None = None,
        ttl: float = TTL_S,
    ) -> None:
        super().__init__(db, name=name)
        self._ttl = ttl
        self._turn = threading.Lock()
        self._lease: Lease | None = None
        self._heartbeat: Heartbeat | None = None
        self._place = place
        self._origin = origin
        self._key = key
        self._lock = lock
        self._run: Run | None = None
        self._earlier_requests = self._last_request()

    def hold(self, run: Run) -> None:
        if self._run is not None:
            raise BatchHeld(f"run {self._run.run_id} has batch {self._run.batch}")
        self._require_origin()
        with self._transaction() as statements:
            lease = self._take(statements, run)
            begin_run(statements, run)
        self._run, self._lease = run, lease
        self._earlier_requests = self._last_request()
        if lease is not None:
            self._heartbeat = Heartbeat(
                self._renew, every=self._ttl / BEATS, passing=LedgerWriteFailed
            )

    def require_held(self) -> None:
        """Raise where another run took the lease: it can, if somebody removed the lock file."""
        if self._lease is not None and self._lease.is_due():
            self._renew()

    def shared_window(self, rate: Rate, *, timeout: float) -> None:
        """Nobody else writes here meanwhile, so the window is the run's own."""

    def finish(self, run: Run) -> None:
        self._stop_heartbeat()
        with self._transaction() as statements:
            end_run(statements, run)
            if self._lease is not None:
                self._lease.end(statements)
        self._run = self._lease = None

    def enrol(
        self, batch: Batch, rows: Iterable[LedgerRow], rejected: Iterable[RejectedRow]
    ) -> None:
        self._require_origin(batch.origin)
        if batch in self.batches():
            return
        with self._transaction() as statements:
            enrolment.enrol(statements, self._load(), batch=batch, rows=rows, rejected=rejected)

    def decide(
        self,
        batch: str,
        endings: Iterable[tuple[str, Outcome]],
        observed: Iterable[Observation] = (),
    ) -> None:
        with self._transaction() as statements:
            enrolment.decide(
                statements, self._load(), batch=batch, endings=endings, observed=observed
            )

    def reopen_refused(self, batch: str) -> int:
        with self._transaction() as statements:
            return enrolment.reopen_refused(statements, batch)

    def approve(self, batch: str, approved: Approved) -> None:
        with self._transaction() as statements:
            enrolment.approve(statements, batch, approved)

    def commit(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        with self._transaction() as statements:
            holder = self._holder(statements)
            for entry in entries:
                record(statements, entry, holder)

    def end_lease_of_the_dead(self) -> None:
        """Its token in a lock file whose lock we got proves that its holder lives no more.

        `BatchHeld` where another lives: somebody removed its lock file.
        """
        if self._lock is not None and self._lock.token is not None:
            with self._transaction() as statements:
                end(statements, self._lock.token)
            self._lock.sign("")
        require_free(SqliteStatements(self._db))

    def hurry(self) -> None:
        """A disk keeps nobody waiting on purpose."""

    def close(self) -> None:
        """Leave one plain file; closing twice is harmless."""
        self._stop_heartbeat()
        is_let_go = False
        try:
            is_let_go = self._let_go()
        finally:
            settle_into_one_file(self._db)
            super().close()
            if self._lock is not None:
                self._lock.release(keep_file=not is_let_go)

    @contextmanager
    def _transaction(self) -> Iterator[SqliteStatements]:
        """One at a time: the heartbeat writes over the same connection."""
        self._require_place()
        with self._turn:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                statements = SqliteStatements(self._db)
                if self._lease is not None:
                    self._lease.fence(statements)
                yield statements
                if self._lease is not None and self._lease.is_due():  # it was long work
                    self._lease.renew(statements)
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                found = diagnose(error)
                message = f"the ledger could not be written: {self._name} {found.meaning}"
                raise LedgerWriteFailed(message, hint=found.hint) from error
            finally:
                with suppress(sqlite3.Error):  # after SQLITE_FULL nothing may be left to undo
                    self._db.rollback()

    def _take(self, statements: SqliteStatements, run: Run) -> Lease | None:
        """A ledger in memory is nobody else's, so it needs no lease."""
        if self._lock is None:
            return None
        lease = take(statements, run, ttl=self._ttl)
        since = run.started_at.isoformat(timespec="seconds")
        signed = f"run {run.run_id} of batch {run.batch} since {since}"
        self._lock.sign(signed, token=lease.token)
        return lease

    def _renew(self) -> None:
        with self._transaction() as statements:
            if self._lease is not None:
                self._lease.renew(statements)

    def _let_go(self) -> bool:
        """End the lease of a run that did not finish.

        Where that fails, on a full disk, its token must stay in the lock file: so the next run
        knows that nobody holds it any more.
        """
        lease, self._lease = self._lease, None
        if lease is None:
            return True
        try:
            with self._transaction() as statements:
                lease.end(statements)
        except LedgerWriteFailed:
            return False
        return True

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._heartbeat = None

    def _require_place(self) -> None:
        """Refuse to write into a file that was removed or replaced: nobody would find it again."""
        if self._place is not None and not self._place.is_unchanged():
            raise LedgerWriteFailed(
                f"the ledger could not be written: {self._name} was removed or replaced",
                hint="Put the ledger back before the next run: it knows what was sent.",
            )

    def _require_origin(self, *also: str) -> None:
        origins = {batch.origin for batch in self.batches()}.union(also)
        for other in sorted(origins - {self._origin}):
            raise InputError(
                f"{self._name} holds batches of {other}, and this run is for {self._origin}",
                hint="Name a ledger of its own for this origin with --ledger.",
            )

    def _load(self) -> SqliteLoad:
        return SqliteLoad(self._db)

    def _holder(self, statements: SqliteStatements) -> Holder:
        run = self._run
        return Holder(
            batch_id=None if run is None else enrolment.batch_id_of(statements, run.batch),
            run_id=None if run is None else run.run_id,
            key=self._key,
            requests=Requests(ask=_ASK, answer=_ANSWER, identity=self._request_id),
        )

    def _request_id(self, number: int) -> Values:
        """Unique in the ledger, above the highest number that it knew before this run."""
        return {"request_id": self._earlier_requests + number}

    def _last_request(self) -> int:
        ((last,),) = self._ask("SELECT coalesce(max(request_id), 0) FROM requests")
        return int(last)


def open_sqlite(path: Path, *, origin: str, key: str, ttl: float = TTL_S) -> SqliteLedger:
    """Open or create a ledger for one run; `BatchHeld` while another has it open.

    `key` is the fingerprint of the API key; `ttl` is for how many seconds a batch stays with a run
    that is not heard of and whose lock file was removed. Raises InputError when the path is no
    place for a ledger, or holds something else.
    """
    place = path.resolve()
    require_place(place)
    require_private(place)
    with ExitStack() as undo:
        lock = FileLock(place.with_name(f"{place.name}-lock"))
        undo.callback(lock.release)
        db = connect_for_writing(place)
        undo.callback(db.close)
        found = Place(place)
        ledger = SqliteLedger(
            db, name=str(path), origin=origin, key=key, lock=lock, place=found, ttl=ttl
        )
        ledger.end_lease_of_the_dead()
        undo.pop_all()
        return ledger


def memory_sqlite(*, origin: str, key: str) -> SqliteLedger:
    """Keep a ledger for as long as the process lives: for a plan that may not write."""
    return SqliteLedger(connect_in_memory(), name="the ledger in memory", origin=origin, key=key)

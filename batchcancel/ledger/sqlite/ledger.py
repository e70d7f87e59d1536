"""The SQLite ledger: one file, one writer, every commit on the disk before it returns."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

from batchcancel.api import Rate
from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import Run
from batchcancel.ledger.lease import TTL_S, leased
from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.sqlite.connection import (
    SqliteStatements,
    asked,
    connect_for_reading,
    connect_for_writing,
    connect_in_memory,
    settle_into_one_file,
)
from batchcancel.ledger.sqlite.lease import HELD_NOW, Lease, end, require_free, take, until
from batchcancel.ledger.sqlite.place import FileLock, is_still, require_place, require_private
from batchcancel.ledger.sqlite.trouble import diagnose
from batchcancel.ledger.statements import Statements, Values
from batchcancel.ledger.writing import Ledger

Result = TypeVar("Result")


class SqliteReader(LedgerReader):
    """The questions, asked over one connection, also while a run is writing."""

    _order = "rowid"
    _listed = "SELECT value FROM json_each(:batches)"
    _db: sqlite3.Connection

    def is_held(self, batch: str) -> bool:
        asked = {**until(0), "batch": batch, "leased": leased(batch)}
        return self._version > 1 and bool(list(self.ask(HELD_NOW, **asked)))

    def _execute(self, sql: str, values: Values, *, is_streamed: bool) -> Iterator[Any]:  # noqa: ARG002 - rows always come one by one
        try:
            yield from asked(self._db, sql, values)
        except sqlite3.Error as error:
            raise self._trouble(diagnose(error)) from error


class SqliteLedger(Ledger, SqliteReader):
    """The account of one run in a database that only this object writes."""

    _ORIGINS = "SELECT DISTINCT origin FROM batches"

    def __init__(
        self, db: sqlite3.Connection, *, lock: FileLock | None = None, place: Path | None = None,
        **whose: Any,
    ) -> None:  # fmt: skip
        super().__init__(db, **whose)
        self._turn = threading.Lock()
        self._lease: Lease | None = None
        self._place = place
        self._found = place.stat() if place else None
        self._lock = lock
        self._earlier_requests = self._last_request()

    def require_held(self) -> None:
        if self._lease is not None and self._lease.is_due():
            self._renew()

    def require_room_for(self, texts: Iterable[str]) -> None:
        """Every one can."""

    def shared_window(self, rate: Rate, *, timeout: float) -> None:
        """Nobody else writes here meanwhile, so the window is the run's own."""

    def end_lease_of_the_dead(self) -> None:
        """Its token in a lock file whose lock we got proves that its holder lives no more.

        `BatchHeld` where another lives: somebody removed its lock file.
        """
        if self._lock is not None and (token := self._lock.token) is not None:
            self._write(lambda into: end(into, token))
            self._lock.sign("")
        require_free(SqliteStatements(self._db))

    def hurry(self, after: float) -> None:
        """A disk keeps nobody waiting on purpose."""

    def close(self) -> None:
        """End the lease of a run that did not finish, and leave one plain file.

        Where a full disk keeps that from being written, its token stays in the lock file, so that
        the next run knows that nobody holds it any more. Closing twice is harmless.
        """
        self._stop_heartbeat()
        lease, self._lease = self._lease, None
        self._forget()
        is_let_go = False
        try:
            if lease is not None:
                self._write(lease.release)
            is_let_go = True
        except LedgerWriteFailed:
            pass
        finally:
            settle_into_one_file(self._db)
            super().close()
            if self._lock is not None:
                self._lock.release(keep_file=not is_let_go)

    def _write(self, work: Callable[[Statements], Result], *, is_long: bool = False) -> Result:
        """One at a time: the heartbeat writes over the same connection."""
        if self._place is not None and not is_still(self._place, self._found):
            raise LedgerWriteFailed(  # nobody would find again what is written there
                f"the ledger could not be written: {self._name} was removed, replaced or cut",
                hint="Put the ledger back before the next run: it knows what was sent.",
            )
        with self._turn:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                statements = SqliteStatements(self._db)
                if self._lease is not None:
                    self._lease.renew(statements)
                result = work(statements)
                if self._lease is not None and is_long:  # its lease was not renewed meanwhile
                    self._lease.renew(statements)
                self._db.execute("COMMIT")
                if self._lease is not None:
                    self._lease.commits += 1
            except sqlite3.Error as error:
                raise diagnose(error).as_failed_write(self._name) from error
            finally:
                with suppress(sqlite3.Error):  # after SQLITE_FULL nothing may be left to undo
                    self._db.rollback()
        return result

    def _take(self, run: Run) -> Lease | None:
        def begin(into: Statements) -> Lease | None:
            self._begin(into, run)
            if self._lock is None:  # a ledger in memory is nobody else's
                return None
            lease = take(into, run, ttl=self._ttl)
            token, is_same = self._stood(into, run.batch)
            lease.commits = self._look_back(into, run, token=token, is_same=is_same)
            since = run.started_at.isoformat(timespec="seconds")
            self._lock.sign(f"run {run.run_id} of batch {run.batch} since {since}", lease.token)
            return lease

        lease = self._write(begin)
        self._earlier_requests = self._last_request()
        return lease

    def _stood(self, into: Statements, batch: str) -> tuple[int, bool]:  # noqa: ARG002
        """A copy of the file cannot be told from it: the number of commits alone tells."""
        return 0, True

    def _renew(self) -> None:
        self._write(lambda _: None)

    def _held(self, into: Statements) -> set[str]:  # noqa: ARG002 - the file is ours alone
        return set()

    def _identity(self, number: int) -> Values:
        """Unique in the ledger, above the highest number that it knew before this run."""
        return {"request_id": self._earlier_requests + number}

    def _last_request(self) -> int:
        ((last,),) = self.ask("SELECT coalesce(max(request_id), 0) FROM requests")
        return int(last)


def open_sqlite(
    path: Path, *, origin: str, key: str, ttl: float = TTL_S, state: Path | None = None
) -> SqliteLedger:
    """Open or create a ledger for one run; `BatchHeld` while another has it open.

    `key` is the API key's fingerprint; `ttl` is how long a batch stays with a run that is not heard
    of and whose lock file was removed. `InputError` where the path is no place for a ledger.
    """
    place = Path(os.path.realpath(path))  # `resolve` raises at a loop of links
    require_place(place)
    require_private(place)
    with ExitStack() as undo:
        lock = FileLock(place.with_name(f"{place.name}-lock"))
        undo.callback(lock.release)
        db = connect_for_writing(place)
        undo.callback(db.close)
        whose = {"name": str(path), "origin": origin, "key": key, "ttl": ttl, "state": state}
        ledger = SqliteLedger(db, lock=lock, place=place, **whose)
        ledger.end_lease_of_the_dead()
        undo.pop_all()
        return ledger


def read_sqlite(path: Path) -> SqliteReader:
    """Open a ledger for questions only; it may be in use by a run, or a read-only copy."""
    db, version = connect_for_reading(path)
    return SqliteReader(db, name=str(path), version=version)


def memory_sqlite(*, origin: str, key: str) -> SqliteLedger:
    """Keep a ledger for as long as the process lives: for a plan that may not write."""
    return SqliteLedger(connect_in_memory(), name="the ledger in memory", origin=origin, key=key)

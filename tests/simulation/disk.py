"""The ledger's disk: a real SQLite file that may be slow, fail, or lose its process.

The program's own ledger works on it; only its connection is watched. What a crash leaves is what
the kernel has of the files at that moment, the write-ahead log included.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from batchcancel.ledger.contract import Entry
from batchcancel.ledger.sqlite.ledger import SqliteLedger
from batchcancel.writer import Commit
from tests.simulation.account import Account, read_account
from tests.simulation.crash import Crash, Mortal

Told = Callable[[Mortal, Account, Account], None]


@dataclass(slots=True)
class Disk:
    """Holds one ledger; knows what has been committed to it, whoever wrote it."""

    path: Path
    latency: float
    on_open: Told
    on_commit: Told
    committed: Account = field(default_factory=Account)
    _image: dict[Path, bytes] = field(default_factory=dict)

    def watch(self, ledger: SqliteLedger, process: Mortal) -> None:
        """From here on, what the process does to its ledger passes through our hands."""
        self.on_open(process, self.committed, read_account(ledger._db))
        ledger._db = Watched(ledger._db, self, process)

    async def offload(self, commit: Commit, entries: Sequence[Entry]) -> None:
        """A commit takes time, before it is durable and after."""
        await anyio.sleep(self.latency / 2)
        commit(entries)
        await anyio.sleep(self.latency / 2)

    def note_commit(self, db: sqlite3.Connection, process: Mortal) -> None:
        before, self.committed = self.committed, read_account(db)
        self.on_commit(process, before, self.committed)

    def snapshot(self) -> None:
        """Keep what the kernel has of the ledger now."""
        files = (*self._files(), self._beside("-lock"))
        self._image = {path: path.read_bytes() for path in files if path.exists()}

    def restore(self) -> None:
        """After the process is gone: the files as it left them, and a lock file nobody holds."""
        for path in (*self._files(), self._beside("-shm")):
            with suppress(FileNotFoundError):
                path.unlink()
        for path, content in self._image.items():
            path.write_bytes(content)

    def _files(self) -> tuple[Path, Path]:
        return self.path, self._beside("-wal")

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)


@dataclass(slots=True)
class Watched:
    """A connection whose transactions may fail, and which goes deaf with its process."""

    _db: sqlite3.Connection
    _disk: Disk
    _process: Mortal

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        self._refuse_the_dead(sql)
        if sql == "COMMIT":
            return self._commit()
        return self._db.execute(sql, values)

    def executemany(self, sql: str, values: Any) -> sqlite3.Cursor:
        self._refuse_the_dead(sql)
        return self._db.executemany(sql, values)

    def rollback(self) -> None:
        self._db.rollback()

    def close(self) -> None:
        self._db.close()

    def _commit(self) -> sqlite3.Cursor:
        self._process.boundary("before commit")
        if self._process.commit_fails():
            raise _full()
        done = self._db.execute("COMMIT")
        self._disk.note_commit(self._db, self._process)
        self._process.boundary("after commit")
        return done

    def _refuse_the_dead(self, sql: str) -> None:
        if not self._process.is_dead:
            return
        if sql.startswith("PRAGMA"):  # closing must go on, to let go of the lock
            raise sqlite3.OperationalError("the process is dead")
        raise Crash


def _full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error

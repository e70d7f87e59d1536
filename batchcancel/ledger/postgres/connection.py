"""A connection to a PostgreSQL ledger that bounds every wait, and is replaced when it is lost.

Every term is said in the transaction itself, not in the session: so it also holds behind a pooler
that hands a session on after each transaction, for which no statement is prepared either. READ
COMMITTED is enough: whoever decides on a row has locked it first, and sees from then on what was
committed before. A commit is on the server's disk, whatever the database is set to.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, Cursor, IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo, TransactionStatus

from batchcancel.appointments import require_aware
from batchcancel.clock import Stopwatch
from batchcancel.ledger.postgres.trouble import Closed, is_lost, is_passing
from batchcancel.ledger.statements import Statements, Values, for_psycopg

Result = TypeVar("Result")
Told = TypeVar("Told", bound=Iterable[object])

PATIENCE_S = 20.0
"""How long a silent or restarting server, or a lock in the way, is waited for in all."""

_LONG_SILENCE_S = 900.0
_HURRIED_S = 1.0
_CONNECT_S = 10.0
_PAUSE_S = 0.2
_TERMS = """
    SELECT set_config('search_path', 'batchcancel, pg_temp', true),
           set_config('client_encoding', 'UTF8', true),
           set_config('datestyle', 'ISO', true),
           set_config('intervalstyle', 'postgres', true),
           set_config('timezone', 'UTC', true),
           set_config('extra_float_digits', '1', true),
           set_config('statement_timeout', %(statement)s, true),
           set_config('lock_timeout', %(lock)s, true),
           set_config('synchronous_commit',
                      replace(current_setting('synchronous_commit'), 'off', 'on'), true),
           set_config('idle_in_transaction_session_timeout', %(idle)s, true)
"""
_FOR_WORK = {"statement": "15s", "lock": "5s", "idle": "8s"}
_FOR_LONG_WORK = {"statement": "0"}
_FOR_STREAMS = {"idle": "600s"}
_PAGE = 10_000
_DEFAULTS = {
    "application_name": "batchcancel",
    "client_encoding": "UTF8",
    "connect_timeout": f"{_CONNECT_S:g}",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


def connection_info(url: str) -> str:
    """The URL with our defaults for what it does not say.

    Raises `psycopg.ProgrammingError`, or ValueError for a time-out that is no number of seconds.
    """
    told = _DEFAULTS | conninfo_to_dict(url)
    int(str(told["connect_timeout"]))
    return make_conninfo("", **told)


def keywords() -> frozenset[str]:
    """What may stand in such a URL, by libpq's own list."""
    return frozenset(one.keyword.decode() for one in Conninfo.get_defaults())


class PostgresStatements(Statements):
    """The transaction of a cursor."""

    def __init__(self, cursor: Cursor[Any]) -> None:
        self._cursor = cursor

    def fill(self, table: str, rows: Iterable[Sequence[object]], *, columns: int) -> None:  # noqa: ARG002 - COPY counts them itself
        with self._cursor.copy(for_psycopg(f"COPY {table} FROM STDIN")) as copy:
            for row in rows:
                copy.write_row(_aware(row))

    def script(self, sql: str) -> None:
        """Execute several statements, without values."""
        self._cursor.execute(sql)

    def _done(self, sql: str, values: Values) -> Cursor[Any]:
        _aware(values.values())
        return self._cursor.execute(for_psycopg(sql), values)


Work = Callable[[PostgresStatements], Result]


def _aware(values: Told) -> Told:
    """The same values, where no instant is one of which the database would guess the timezone."""
    require_aware(*(one for one in values if isinstance(one, datetime)))
    return values


class SilentServer(psycopg.OperationalError):
    """It said nothing for longer than it may take."""


class Patience:
    """How long trouble with a server lasts, by what all connections to it met with."""

    def __init__(self, seconds: float = PATIENCE_S) -> None:
        self._seconds = seconds
        self._trouble: Stopwatch | None = None
        self._heard = Stopwatch()
        self.is_over = False

    def left(self, waited: float) -> float:
        """The seconds that are left to who has waited so long already."""
        trouble = self._trouble  # another thread may hear of the server meanwhile
        return self._seconds - max(waited, trouble.seconds() if trouble else 0.0)

    def heard(self) -> None:
        """The server has answered."""
        self._trouble, self._heard = None, Stopwatch()

    def lost(self, began: Stopwatch) -> None:
        """The server was lost to what began then; whom it answered since knows better."""
        if self._trouble is None and self._heard.seconds() > began.seconds():
            self._trouble = began

    def hurry(self, after: float = 0.0) -> None:
        """Have none any more, after it was in vain, or so long after a run was to stop.

        By a thread, for what waits may hold up the event loop.
        """
        if after:
            timer = threading.Timer(after, self.hurry)
            timer.daemon = True
            timer.start()
        else:
            self.is_over = True


class BoundedConnection(Connection[Any]):
    """A connection whose every wait ends, also before a server that was stopped.

    Its kernel, or a proxy, goes on acknowledging what we send, so that no time limit of TCP's can
    tell. `silence` gives the seconds for which it may say nothing, also while one waits.
    """

    silence: Callable[[], float] = staticmethod(lambda: PATIENCE_S)

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """What psycopg waits with; it comes back every tenth of a second, ready or not."""
        return super().wait(self._bounded(gen), *args, **kwargs)

    def _bounded(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        waited = Stopwatch()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and waited.seconds() > self.silence():
                    self.pgconn.finish()
                    raise SilentServer("it does not answer")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value


class PatientConnection:
    """Transactions one after the other, from whatever thread; errors are psycopg's."""

    def __init__(self, info: str, patience: Patience | None = None) -> None:
        self._info = info
        self._patience = patience or Patience()
        self._turn = threading.Lock()
        self._connection: BoundedConnection | None = None
        self._left = PATIENCE_S
        self._is_long = False
        self._is_closed = False

    def once(
        self, work: Work[Result], *, is_long: bool = False, since: Stopwatch | None = None
    ) -> Result:
        """Do `work` in one transaction, committed when this returns; a second try is not made.

        Long work has no time limit: a million rows take as long as they take.
        """
        since = since or Stopwatch()
        with self._turn:
            self._left, self._is_long = max(self._patience.left(since.seconds()), _HURRIED_S), False
            try:
                db = self._connected()
                self._is_long = is_long
                cursor = db.cursor()
                cursor.execute(_TERMS, _FOR_WORK | (_FOR_LONG_WORK if is_long else {}))
                result = work(PostgresStatements(cursor))
                db.commit()
            except BaseException as error:
                if isinstance(error, psycopg.Error) and is_lost(error):
                    self._patience.lost(since)
                self._undo()
                raise
        self._patience.heard()
        return result

    def repeat(self, work: Work[Result], *, is_long: bool = False) -> Result:
        """The same, tried again while the trouble may pass: `work` must stand a second time."""
        since = Stopwatch()
        while True:
            try:
                return self.once(work, is_long=is_long, since=since)
            except psycopg.Error as error:
                if not is_passing(error):
                    raise
                if self._patience.is_over or self._patience.left(since.seconds()) <= _PAUSE_S:
                    self._patience.hurry()
                    raise
            time.sleep(_PAUSE_S)

    @contextmanager
    def stream(self, sql: str, values: Values) -> Iterator[Iterator[Any]]:
        """The rows of one moment, however many, over a connection of their own."""
        with closing(self._connect(self._silence)) as db, db.cursor(name="rows") as cursor:
            db.execute(_TERMS, _FOR_WORK | _FOR_STREAMS)
            cursor.itersize = _PAGE
            cursor.execute(sql, values)
            yield iter(cursor)

    def close(self) -> None:
        """End the connection; nothing can be asked any more."""
        with self._turn:
            self._is_closed = True
            self._drop()

    def _connected(self) -> BoundedConnection:
        if self._is_closed:
            raise Closed("it was closed")
        if self._connection is None:
            if self._patience.is_over:
                raise psycopg.OperationalError("no time is left to connect")
            self._connection = self._connect(self._silence_at_work)
        return self._connection

    def _connect(self, silence: Callable[[], float]) -> BoundedConnection:
        """With READ COMMITTED, whatever the database is set to; each host has its share of time."""
        told = conninfo_to_dict(self._info)
        hosts = str(told.get("host") or told.get("hostaddr") or "").count(",") + 1
        longest = min(self._left / hosts, int(str(told["connect_timeout"])) or _CONNECT_S)
        db = BoundedConnection.connect(
            self._info, prepare_threshold=None, connect_timeout=max(2, int(longest))
        )
        db.silence, db.isolation_level = silence, IsolationLevel.READ_COMMITTED
        return db

    def _silence(self) -> float:
        return _HURRIED_S if self._patience.is_over else PATIENCE_S

    def _silence_at_work(self) -> float:
        if self._is_long and not self._patience.is_over:
            return _LONG_SILENCE_S
        return min(self._silence(), self._left, self._patience.left(0.0))

    def _undo(self) -> None:
        """Leave no transaction behind; where that cannot be known, leave no connection."""
        self._is_long = False
        if (db := self._connection) is None:
            return
        with suppress(psycopg.Error):
            db.rollback()
        if db.closed or db.info.transaction_status != TransactionStatus.IDLE:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None

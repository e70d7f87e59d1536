"""The rate limit's window of one API key, kept in the ledger's database for all hosts.

Whoever takes a slot locks the key's row first, so two of them never count at the same time.
"""

from typing import Any

from psycopg import Cursor

from batchcancel.api import PERMIT_S, Rate, SharedWindow, Turn
from batchcancel.ledgers.postgres_connection import PatientConnection
from batchcancel.ledgers.postgres_trouble import write_failures

_KNOW = "INSERT INTO batchcancel.windows (key) VALUES (%(key)s) ON CONFLICT (key) DO NOTHING"
_LOCK = "SELECT FROM batchcancel.windows WHERE key = %(key)s FOR UPDATE"
# A slot without an answer is free one window from now at the soonest, but for one that is given
# back unused: so it is looked at again a little sooner.
_STANDING = """
    WITH moment AS MATERIALIZED (
        SELECT clock_timestamp() AS now, make_interval(secs => %(window)s) AS length
    ), busy AS MATERIALIZED (
        SELECT CASE WHEN is_answered THEN counted_by + length
               ELSE least(counted_by + length, greatest(taken_at + length, now + length / 10))
               END AS free_at
        FROM batchcancel.slots, moment
        WHERE key = %(key)s AND counted_by > now - length
    ), counted AS (
        SELECT count(*) AS taken FROM busy
    )
    SELECT taken, (
        SELECT extract(epoch FROM greatest(max(closed_until), now) - now)::float8
        FROM batchcancel.windows WHERE key = %(key)s
    ), (
        SELECT extract(epoch FROM free_at - now)::float8
        FROM busy ORDER BY free_at OFFSET greatest(taken - %(limit)s, 0) LIMIT 1
    )
    FROM counted, moment
"""
_TAKE = """
    INSERT INTO batchcancel.slots (key, taken_at, counted_by)
    SELECT %(key)s, now, now + make_interval(secs => %(unknown)s)
    FROM (SELECT clock_timestamp() AS now) AS moment
    RETURNING slot
"""
_FORGET = """
    DELETE FROM batchcancel.slots
    WHERE key = %(key)s
      AND counted_by < clock_timestamp() - make_interval(days => 1, secs => %(window)s)
"""
_USED = """
    UPDATE batchcancel.slots
    SET is_answered = true, counted_by = least(counted_by, clock_timestamp())
    WHERE slot = %(slot)s
"""
_UNUSED = "DELETE FROM batchcancel.slots WHERE slot = %(slot)s"
_CLOSE = """
    INSERT INTO batchcancel.windows (key, closed_until)
    VALUES (%(key)s, clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (key) DO UPDATE
    SET closed_until = greatest(windows.closed_until, excluded.closed_until)
"""


class PostgresWindow(SharedWindow):
    """The window of `key` at `rate`; a request without an answer is over after `timeout` s."""

    def __init__(
        self, db: PatientConnection, *, name: str, key: str, rate: Rate, timeout: float
    ) -> None:
        self._db = db
        self._name = name
        self._values = {
            "key": key,
            "limit": int(rate.limit),
            "window": rate.window,
            "unknown": PERMIT_S + timeout,
        }

    def look(self) -> Turn:
        with write_failures(self._name):
            return self._db.repeat(self._standing)

    def take(self) -> Turn:
        with write_failures(self._name):
            return self._db.repeat(self._take)

    def used(self, slot: int) -> None:
        self._tell(_USED, slot=slot)

    def unused(self, slot: int) -> None:
        self._tell(_UNUSED, slot=slot)

    def close_for(self, seconds: float) -> None:
        self._tell(_CLOSE, seconds=seconds)

    def _take(self, cursor: Cursor[Any]) -> Turn:
        cursor.execute(_KNOW, self._values)
        cursor.execute(_LOCK, self._values)
        turn = self._standing(cursor)
        if turn.wait > 0:
            return turn
        cursor.execute(_FORGET, self._values)
        ((slot,),) = cursor.execute(_TAKE, self._values).fetchall()
        return Turn(slot=slot, wait=0.0, taken=turn.taken + 1)

    def _standing(self, cursor: Cursor[Any]) -> Turn:
        ((taken, closed, full),) = cursor.execute(_STANDING, self._values).fetchall()
        is_full = taken >= self._values["limit"]
        return Turn(slot=None, wait=max(closed or 0.0, full if is_full else 0.0), taken=taken)

    def _tell(self, sql: str, **values: object) -> None:
        with write_failures(self._name):
            self._db.once(lambda cursor: cursor.execute(sql, self._values | values))

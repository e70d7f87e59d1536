"""The rate limit's window of one API key, kept in the ledger's database for all hosts.

Whoever takes a slot locks the key's row first, so two of them never count at the same time. Who
asked first has the next free slot, unless it asks more than a second later than it was told to.
"""

import uuid

from batchcancel.api import PERMIT_S, Rate, SharedWindow, Turn
from batchcancel.ledger.postgres.connection import PatientConnection, PostgresStatements
from batchcancel.ledger.postgres.trouble import write_failures

GRACE_S = 1.0
"""How late a waiter may ask again before its place is somebody else's."""

_KNOW = "INSERT INTO windows (key) VALUES (:key) ON CONFLICT (key) DO NOTHING"
_LOCK = "SELECT FROM windows WHERE key = :key FOR UPDATE"
# A slot without an answer is free one window from now at the soonest, but for one that is given
# back unused: so it is looked at again a little sooner.
_STANDING = """
    WITH moment AS MATERIALIZED (
        SELECT clock_timestamp() AS now, make_interval(secs => :window) AS length
    ), busy AS MATERIALIZED (
        SELECT CASE WHEN is_answered THEN counted_by + length
               ELSE least(counted_by + length, greatest(taken_at + length, now + length / 10))
               END AS free_at
        FROM slots, moment
        WHERE key = :key AND counted_by > now - length
    ), ahead AS MATERIALIZED (
        SELECT until AS free_at FROM waiting, moment
        WHERE :is_asking AND key = :key AND until > now AND place < coalesce(
            (SELECT place FROM waiting, moment WHERE program = :program AND until > now),
            9223372036854775807)
    ), counted AS (
        SELECT (SELECT count(*) FROM busy) AS taken, (SELECT count(*) FROM ahead) AS before
    )
    SELECT taken, (
        SELECT extract(epoch FROM greatest(max(closed_until), now) - now)::float8
        FROM windows WHERE key = :key
    ), (
        SELECT extract(epoch FROM free_at - now)::float8
        FROM (TABLE busy UNION ALL TABLE ahead) AS kept
        ORDER BY free_at OFFSET greatest(taken + before - :limit, 0) LIMIT 1
    ), taken + before >= :limit
    FROM counted, moment
"""
_WAIT = """
    INSERT INTO waiting (key, program, until)
    VALUES (:key, :program, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (program) DO UPDATE SET until = excluded.until
"""
_TAKE = """
    WITH asked AS (DELETE FROM waiting WHERE program = :program)
    INSERT INTO slots (key, taken_at, counted_by)
    SELECT :key, now, now + make_interval(secs => :unknown)
    FROM (SELECT clock_timestamp() AS now) AS moment
    RETURNING slot
"""
# The moment of the statement, which an index can be asked for.
_FORGET = """
    DELETE FROM slots
    WHERE key = :key
      AND counted_by < statement_timestamp() - make_interval(days => 1, secs => :window)
"""
_FORGET_WAITING = "DELETE FROM waiting WHERE key = :key AND until <= clock_timestamp()"
_USED = """
    UPDATE slots
    SET is_answered = true, counted_by = least(counted_by, clock_timestamp())
    WHERE slot = :slot
"""
_UNUSED = "DELETE FROM slots WHERE slot = :slot"
_CLOSE = """
    INSERT INTO windows (key, closed_until)
    VALUES (:key, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (key) DO UPDATE
    SET closed_until = greatest(windows.closed_until, excluded.closed_until)
"""


class PostgresWindow(SharedWindow):
    """The window of `key` at `rate`; a request without an answer is over after `timeout` s."""

    def __init__(
        self, db: PatientConnection, *, name: str, key: str, rate: Rate, timeout: float
    ) -> None:
        self._db = db
        self._name = self.kept_in = name
        self._values = {
            "key": key,
            "limit": int(min(rate.limit, 2**31 - 1)),
            "window": rate.window,
            "unknown": PERMIT_S + timeout,
            "program": uuid.uuid4(),
        }

    def look(self) -> Turn:
        with write_failures(self._name):
            return self._db.repeat(lambda into: self._turn(into, is_asking=False))

    def take(self) -> Turn:
        with write_failures(self._name):
            return self._db.repeat(self._take)

    def used(self, slot: int) -> None:
        self._tell(_USED, slot=slot)

    def unused(self, slot: int) -> None:
        self._tell(_UNUSED, slot=slot)

    def close_for(self, seconds: float) -> None:
        self._tell(_CLOSE, seconds=seconds)

    def _take(self, into: PostgresStatements) -> Turn:
        into.execute(_KNOW, self._values)
        into.execute(_LOCK, self._values)
        into.execute(_FORGET_WAITING, self._values)
        turn = self._turn(into, is_asking=True)
        if turn.wait > 0:
            if turn.closed <= 0:
                into.execute(_WAIT, self._values | {"seconds": turn.wait + GRACE_S})
            return turn
        into.execute(_FORGET, self._values)
        ((slot,),) = into.fetch(_TAKE, self._values)
        return Turn(slot=slot, wait=0.0, taken=turn.taken + 1)

    def _turn(self, into: PostgresStatements, *, is_asking: bool) -> Turn:
        values = self._values | {"is_asking": is_asking}
        ((taken, closed, full, is_full),) = into.fetch(_STANDING, values)
        closed = closed or 0.0
        return Turn(None, max(closed, full if is_full else 0.0), taken, closed)

    def _tell(self, sql: str, **values: object) -> None:
        with write_failures(self._name):
            self._db.once(lambda into: into.execute(sql, self._values | values))

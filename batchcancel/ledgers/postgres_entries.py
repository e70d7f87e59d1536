"""How each entry of a commit is written into a PostgreSQL ledger."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Cursor

from batchcancel.appointments import Fact, require_aware
from batchcancel.ledger import Answered, Asked, Entry, Intent, Learned, Settled
from batchcancel.ledgers.unmet import unmet

# A plan holds no lease, so its lost COMMIT is written once more: that must change nothing.
_ASK = """
    INSERT INTO batchcancel.requests
        (session, request, run_id, key, kind, appointment_id, attempt, sent_at)
    VALUES (%(session)s, %(request)s, %(run_id)s, %(key)s, %(kind)s, %(appointment_id)s,
            %(attempt)s, %(at)s)
    ON CONFLICT (session, request) DO UPDATE SET sent_at = excluded.sent_at
"""
_ANSWER = """
    UPDATE batchcancel.requests SET answered_at = %(at)s, result = %(result)s
    WHERE session = %(session)s AND request = %(request)s
"""
_OPEN = """
    UPDATE batchcancel.rows
    SET state = 'open', outcome = NULL, reason = NULL, settled_at = NULL,
        attempts = greatest(attempts, %(attempt)s),
        opened_at = CASE state WHEN 'open' THEN opened_at ELSE %(at)s END
    WHERE batch_id = %(batch_id)s AND appointment_id = %(appointment_id)s
      AND state <> 'settled'
"""
_LEARN = """
    UPDATE batchcancel.rows SET learned_start = %(starts_at)s
    WHERE batch_id = %(batch_id)s AND appointment_id = %(appointment_id)s
"""
_GIVE_UP = """
    UPDATE batchcancel.rows SET outcome = %(outcome)s, reason = %(reason)s
    WHERE batch_id = %(batch_id)s AND appointment_id = %(appointment_id)s
      AND state <> 'settled'
"""
_SETTLE = """
    UPDATE batchcancel.rows
    SET state = 'settled', outcome = %(outcome)s, reason = %(reason)s, settled_at = %(at)s
    WHERE batch_id = %(batch_id)s AND appointment_id = %(appointment_id)s
      AND (state <> 'settled' OR outcome = 'skipped')
"""

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """On whose behalf entries are written; without a batch and a run when a plan asks.

    Requests are numbered from 1 in every session.
    """

    session: UUID
    batch_id: int | None
    run_id: str | None
    key: str


def record(cursor: Cursor[Any], entry: Entry, writing: Writing) -> None:
    """Write one entry; every one of its statements must meet exactly one row."""
    for sql, values in _statements(entry, writing):
        if cursor.execute(sql, values).rowcount != 1:
            raise unmet(entry)


def _statements(entry: Entry, writing: Writing) -> Iterator[tuple[str, Values]]:
    match entry:
        case Asked():
            yield _ASK, _request(entry, writing)
        case Intent():
            require_aware(entry.at)
            yield _OPEN, _row(entry, writing, attempt=entry.attempt, at=entry.at)
            yield _ASK, _request(entry, writing)
        case Answered():
            require_aware(entry.at)
            answer = {"session": writing.session, "request": entry.request}
            yield _ANSWER, answer | {"at": entry.at, "result": entry.result}
        case Learned():
            require_aware(entry.starts_at)
            yield _LEARN, _row(entry, writing, starts_at=entry.starts_at)
        case Settled():
            require_aware(entry.at)
            outcome = entry.outcome
            sql = _SETTLE if Fact.FINAL in outcome.name.facts else _GIVE_UP
            ending = {"outcome": outcome.name.value, "reason": outcome.reason}
            yield sql, _row(entry, writing, at=entry.at, **ending)


def _request(entry: Asked | Intent, writing: Writing) -> Values:
    require_aware(entry.at)
    attempt = entry.attempt if isinstance(entry, Intent) else None
    return {
        "session": writing.session,
        "request": entry.request,
        "run_id": writing.run_id,
        "key": writing.key,
        "kind": "read" if attempt is None else "cancel",
        "appointment_id": entry.appointment_id,
        "attempt": attempt,
        "at": entry.at,
    }


def _row(entry: Intent | Learned | Settled, writing: Writing, **values: object) -> Values:
    return {"batch_id": writing.batch_id, "appointment_id": entry.appointment_id, **values}

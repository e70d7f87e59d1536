"""How each entry of a commit is written into a SQLite ledger."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batchcancel.appointments import Fact
from batchcancel.ledger import Answered, Asked, Entry, Intent, Learned, Settled
from batchcancel.ledgers.instants import stored
from batchcancel.ledgers.unmet import unmet

_ASK = """
    INSERT INTO requests (request_id, run_id, key, kind, appointment_id, attempt, sent_at)
    VALUES (:request_id, :run_id, :key, :kind, :appointment_id, :attempt, :at)
"""
_ANSWER = """
    UPDATE requests SET answered_at = :at, result = :result WHERE request_id = :request_id
"""
_OPEN = """
    UPDATE rows
    SET state = 'open', outcome = NULL, reason = NULL, settled_at = NULL,
        attempts = max(attempts, :attempt),
        opened_at = CASE state WHEN 'open' THEN opened_at ELSE :at END
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
      AND state <> 'settled'
"""
_LEARN = """
    UPDATE rows SET learned_start = :starts_at
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
"""
_GIVE_UP = """
    UPDATE rows SET outcome = :outcome, reason = :reason
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
      AND state <> 'settled'
"""
_SETTLE = """
    UPDATE rows SET state = 'settled', outcome = :outcome, reason = :reason, settled_at = :at
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
      AND (state <> 'settled' OR outcome = 'skipped')
"""

Values = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """On whose behalf entries are written; without a batch and a run when a plan asks.

    Requests are numbered from 1 in every run and uniquely in the ledger: `earlier_requests` is
    the highest number the ledger knew before.
    """

    batch_id: int | None
    run_id: str | None
    key: str
    earlier_requests: int


def record(db: sqlite3.Connection, entry: Entry, holder: Holder) -> None:
    """Write one entry; every one of its statements must meet exactly one row."""
    for sql, values in _statements(entry, holder):
        if db.execute(sql, values).rowcount != 1:
            raise unmet(entry)


def _statements(entry: Entry, holder: Holder) -> Iterator[tuple[str, Values]]:
    match entry:
        case Asked():
            yield _ASK, _request(entry, holder)
        case Intent():
            yield _OPEN, _row(entry, holder, attempt=entry.attempt, at=stored(entry.at))
            yield _ASK, _request(entry, holder)
        case Answered():
            request_id = holder.earlier_requests + entry.request
            values = {"request_id": request_id, "at": stored(entry.at), "result": entry.result}
            yield _ANSWER, values
        case Learned():
            yield _LEARN, _row(entry, holder, starts_at=stored(entry.starts_at))
        case Settled():
            outcome = entry.outcome
            sql = _SETTLE if Fact.FINAL in outcome.name.facts else _GIVE_UP
            ending = {"outcome": outcome.name.value, "reason": outcome.reason}
            yield sql, _row(entry, holder, at=stored(entry.at), **ending)


def _request(entry: Asked | Intent, holder: Holder) -> Values:
    attempt = entry.attempt if isinstance(entry, Intent) else None
    return {
        "request_id": holder.earlier_requests + entry.request,
        "run_id": holder.run_id,
        "key": holder.key,
        "kind": "read" if attempt is None else "cancel",
        "appointment_id": entry.appointment_id,
        "attempt": attempt,
        "at": stored(entry.at),
    }


def _row(entry: Intent | Learned | Settled, holder: Holder, **values: str | int | None) -> Values:
    return {"batch_id": holder.batch_id, "appointment_id": entry.appointment_id, **values}

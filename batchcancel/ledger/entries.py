"""How the entries of a commit, and the beginning and the end of a run, are written.

Every statement meets exactly one row or is refused: so the ledger itself keeps a settled row from
being sent again, whatever the program believes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batchcancel.appointments import Fact, OutcomeName
from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import (
    Answered,
    Asked,
    Entry,
    Intent,
    Learned,
    Noted,
    Observation,
    Run,
    Saw,
    Settled,
    Withdrawn,
)
from batchcancel.ledger.statements import Statements, Values

_OPEN = """
    UPDATE rows
    SET state = 'open', outcome = NULL, reason = NULL, settled_at = NULL,
        attempts = attempts + 1,
        opened_at = CASE state WHEN 'open' THEN opened_at ELSE :opened_at END,
        previous_status = observed_status
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
      AND state <> 'settled'
"""
_WITHDRAW = """
    UPDATE rows
    SET state = CASE WHEN :was_in_doubt THEN 'open' ELSE 'waiting' END,
        attempts = CASE WHEN :is_sent THEN attempts ELSE attempts - 1 END,
        opened_at = CASE WHEN :was_in_doubt THEN opened_at END
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
      AND state = 'open'
"""
_LEARN = """
    UPDATE rows
    SET learned_start = :starts_at,
        start_known_by = CASE WHEN starts_at IS NULL THEN :known_by ELSE start_known_by END
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
"""
_SEE = """
    UPDATE rows
    SET observed_status = :status, observed_date = :day, observed_session = :session,
        observed_branch = :branch_id, observed_label = :label, observed_at = :at,
        previous_status = CASE WHEN state = 'open' AND :status <> 'cancelled'
                               THEN :status ELSE previous_status END
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
"""
_NOTE = """
    UPDATE rows SET outcome = :outcome, reason = :reason
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
      AND state <> 'settled'
"""
_SETTLE = """
    UPDATE rows
    SET state = 'settled', outcome = :outcome, reason = :reason, settled_at = :at,
        seen_updated_at = :updated_at
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
      AND (state <> 'settled' OR outcome = 'skipped')
"""
_UNDO = """
    UPDATE rows SET outcome = 'restored', reason = NULL, settled_at = :at
    WHERE appointment_id = :appointment_id
      AND (outcome = 'cancelled' OR outcome = 'needs_review' AND reason = 'moved')
      AND batch_id = (SELECT undone.batch_id
                      FROM batches AS undone JOIN batches AS own ON own.of_batch = undone.name
                      WHERE own.batch_id = :batch_id AND own.kind = 'restore')
"""
_BEGIN = """
    INSERT INTO runs (run_id, batch, started_at, version, "user", host, pid, options)
    VALUES (:run_id, :batch, :started_at, :version, :user, :host, :pid, :options)
"""
_END = """
    UPDATE runs SET ended_at = :ended_at, exit_code = :exit_code, counts = :counts, why = :why
    WHERE run_id = :run_id
"""


OfRow = Intent | Withdrawn | Learned | Noted | Saw | Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """How a ledger numbers requests: the one thing in which the two differ here.

    `identity` gives the values by which the request with that number in its run is found again.
    """

    ask: str
    answer: str
    identity: Callable[[int], Values]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """On whose behalf entries are written; without a batch and a run when a plan asks."""

    batch_id: int | None
    run_id: str | None
    key: str
    requests: Requests


def record(into: Statements, entry: Entry, holder: Holder) -> None:
    """Write one entry; every one of its statements must meet exactly one row."""
    for sql, values in _statements(into, entry, holder):
        if into.execute(sql, values) != 1:
            raise _unmet(entry)


def begin_run(into: Statements, run: Run) -> None:
    """Write down that a run has begun, and who runs it."""
    values = {
        "run_id": run.run_id,
        "batch": run.batch,
        "started_at": into.stored(run.started_at),
        "version": run.version,
        "user": run.user,
        "host": run.host,
        "pid": run.pid,
        "options": _json(run.options),
    }
    into.execute(_BEGIN, values)


def end_run(into: Statements, run: Run) -> None:
    """Write down how a run ended; `LedgerWriteFailed` where it never began."""
    values = {
        "run_id": run.run_id,
        "ended_at": into.stored(run.ended_at),
        "exit_code": run.exit_code,
        "counts": _json(run.counts),
        "why": run.why,
    }
    if into.execute(_END, values) != 1:
        raise LedgerWriteFailed(f"run {run.run_id} cannot finish: it never began")


def _statements(into: Statements, entry: Entry, holder: Holder) -> Iterator[tuple[str, Values]]:
    match entry:
        case Asked():
            yield holder.requests.ask, _request(into, entry, holder)
        case Intent():
            yield _OPEN, _row(entry, holder, opened_at=into.stored(entry.opened_at))
            yield holder.requests.ask, _request(into, entry, holder)
        case Withdrawn():
            doubt = {"was_in_doubt": entry.was_in_doubt, "is_sent": entry.is_sent}
            yield _WITHDRAW, _row(entry, holder, **doubt)
        case Answered():
            answer = {"at": into.stored(entry.at), "result": entry.result}
            yield holder.requests.answer, {**holder.requests.identity(entry.request), **answer}
        case Learned():
            start = {"starts_at": into.stored(entry.starts_at), "known_by": entry.known_by.value}
            yield _LEARN, _row(entry, holder, **start)
        case Saw():
            yield _SEE, _row(entry, holder, **_seen(into, entry.seen))
        case Noted():
            yield _NOTE, _row(entry, holder, **_outcome(entry))
        case Settled():
            yield from _settled(into, entry, holder)


def _settled(into: Statements, entry: Settled, holder: Holder) -> Iterator[tuple[str, Values]]:
    name, at = entry.outcome.name, into.stored(entry.at)
    if Fact.FINAL not in name.facts:
        yield _NOTE, _row(entry, holder, **_outcome(entry))
        return
    updated_at = into.stored(entry.updated_at)
    yield _SETTLE, _row(entry, holder, at=at, updated_at=updated_at, **_outcome(entry))
    if name is OutcomeName.RESTORED:
        yield _UNDO, _row(entry, holder, at=at)


def _request(into: Statements, entry: Asked | Intent, holder: Holder) -> Values:
    attempt, kind = (entry.attempt, entry.kind) if isinstance(entry, Intent) else (None, "read")
    return {
        **holder.requests.identity(entry.request),
        "run_id": holder.run_id,
        "key": holder.key,
        "kind": kind,
        "appointment_id": entry.appointment_id,
        "attempt": attempt,
        "at": into.stored(entry.at),
    }


def _seen(into: Statements, seen: Observation) -> Values:
    return {
        "status": seen.status,
        "day": seen.date and seen.date.isoformat(),
        "session": seen.session,
        "branch_id": seen.branch_id,
        "label": seen.label,
        "at": into.stored(seen.at),
    }


def _outcome(entry: Noted | Settled) -> Values:
    return {"outcome": entry.outcome.name.value, "reason": entry.outcome.reason}


def _row(entry: OfRow, holder: Holder, **values: object) -> Values:
    return {"batch_id": holder.batch_id, "appointment_id": entry.appointment_id, **values}


def _unmet(entry: Entry) -> LedgerWriteFailed:
    """What it means that a statement met no row."""
    if isinstance(entry, Answered):
        return LedgerWriteFailed(f"request {entry.request} was answered, but never sent")
    kind = type(entry).__name__.lower()
    return LedgerWriteFailed(
        f"the ledger refused {kind} for {entry.appointment_id}: "
        "its state does not allow it, or it is not a row of the batch"
    )


def _json(told: Mapping[str, Any] | None) -> str | None:
    return None if told is None else json.dumps(told, sort_keys=True)

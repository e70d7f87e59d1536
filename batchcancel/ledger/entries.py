"""How the entries of a commit, and the beginning and the end of a run, are written.

Every statement meets exactly one row or is refused: so the ledger itself keeps a settled row from
being sent again, whatever the program believes.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from batchcancel.appointments import Fact, Outcome, OutcomeName
from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger import contract
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
    SET observed_status = :status, observed_date = :date, observed_session = :session,
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

_OF_ROW: dict[type[contract.Entry], str] = {
    contract.Withdrawn: _WITHDRAW,
    contract.Learned: _LEARN,
    contract.Noted: _NOTE,
    contract.Saw: _SEE,
    contract.Settled: _SETTLE,
}


class Holder(NamedTuple):
    """On whose behalf entries are written; without a batch and a run when a plan asks.

    How requests are numbered is the one thing in which the two ledgers differ here: `identity`
    gives the values by which the request with that number in its run is found again.
    """

    batch_id: int | None
    run_id: str | None
    key: str
    ask: str
    answer: str
    identity: Callable[[int], Values]


def record(into: Statements, entry: contract.Entry, holder: Holder) -> None:
    """Write one entry; every one of its statements must meet exactly one row."""
    values = _values(into, entry, holder)
    for sql in _statements(entry, holder):
        if into.execute(sql, values) != 1:
            raise _unmet(entry)


def begin_run(into: Statements, run: contract.Run) -> None:
    """Write down that a run has begun, and who runs it."""
    into.execute(_BEGIN, _run(into, run))


def end_run(into: Statements, run: contract.Run) -> None:
    """Write down how a run ended; `LedgerWriteFailed` where it never began."""
    if into.execute(_END, _run(into, run)) != 1:
        raise LedgerWriteFailed(f"run {run.run_id} cannot finish: it never began")


def _statements(entry: contract.Entry, holder: Holder) -> tuple[str, ...]:
    match entry:
        case contract.Asked():
            return (holder.ask,)
        case contract.Intent():
            return (_OPEN, holder.ask)
        case contract.Answered():
            return (holder.answer,)
        case contract.Settled(outcome=Outcome(name=OutcomeName.RESTORED)):
            return (_SETTLE, _UNDO)
        case contract.Settled() if Fact.FINAL not in entry.outcome.name.facts:
            return (_NOTE,)
    return (_OF_ROW[type(entry)],)


def _values(into: Statements, entry: contract.Entry, holder: Holder) -> Values:
    """What an entry says, by the names of its fields, and on whose behalf."""
    values: dict[str, object] = {"kind": "read", "attempt": None, "run_id": holder.run_id}
    values |= {"batch_id": holder.batch_id, "key": holder.key}
    for name in entry.__slots__:
        match value := getattr(entry, name):
            case datetime():
                values[name] = into.stored(value)
            case Outcome():
                values |= {"outcome": value.name.value, "reason": value.reason}
            case contract.Observation():
                day = value.date and value.date.isoformat()
                values |= value._asdict() | {"date": day, "at": into.stored(value.at)}
            case StrEnum():
                values[name] = value.value
            case _:
                values[name] = value
    if isinstance(entry, contract.Asked | contract.Intent | contract.Answered):
        values |= holder.identity(entry.request)
    return values


def _unmet(entry: contract.Entry) -> LedgerWriteFailed:
    """What it means that a statement met no row."""
    if isinstance(entry, contract.Answered):
        return LedgerWriteFailed(f"request {entry.request} was answered, but never sent")
    kind = type(entry).__name__.lower()
    return LedgerWriteFailed(
        f"the ledger refused {kind} for {entry.appointment_id}: "
        "its state does not allow it, or it is not a row of the batch"
    )


def _run(into: Statements, run: contract.Run) -> Values:
    return {name: getattr(run, name) for name in contract.Run.__slots__} | {
        "started_at": into.stored(run.started_at),
        "ended_at": into.stored(run.ended_at),
        "options": _json(run.options),
        "counts": _json(run.counts),
    }


def _json(told: Mapping[str, Any] | None) -> str | None:
    return None if told is None else json.dumps(told, sort_keys=True)

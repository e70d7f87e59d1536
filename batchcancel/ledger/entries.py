"""How the entries of a commit, and the beginning and the end of a run, are written.

Every statement meets exactly one row or is refused: so the ledger itself keeps a settled row from
being sent again, whatever the program believes.
"""

import json
from typing import Any

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
# A plan holds no lease, so its lost COMMIT is written once more: that must change nothing.
_ASK = """
    INSERT INTO requests ({columns}, run_id, key, kind, appointment_id, attempt, sent_at)
    VALUES ({values}, :run_id, :key, :kind, :appointment_id, :attempt, :at)
    ON CONFLICT ({columns}) DO UPDATE SET sent_at = excluded.sent_at
"""
_ANSWER = """
    UPDATE requests SET answered_at = :at, result = :result WHERE ({columns}) = ({values})
"""
_BEGIN = """
    INSERT INTO runs (run_id, batch, started_at, version, "user", host, pid, options)
    VALUES (:run_id, :batch, :started_at, :version, :user, :host, :pid, :options)
"""
_END = """
    UPDATE runs SET ended_at = :ended_at, exit_code = :exit_code, counts = :counts, why = :why
    WHERE run_id = :run_id
"""

_STATEMENTS: dict[type[contract.Entry], tuple[str, ...]] = {
    contract.Asked: (_ASK,),
    contract.Intent: (_OPEN, _ASK),
    contract.Answered: (_ANSWER,),
    contract.Withdrawn: (_WITHDRAW,),
    contract.Learned: (_LEARN,),
    contract.Noted: (_NOTE,),
    contract.Observation: (_SEE,),
    contract.Settled: (_SETTLE,),
}


def record(into: Statements, entry: contract.Entry, *, by: Values, request: Values) -> None:
    """Write one entry; `by` tells on whose behalf.

    `request` holds the columns by which the ledger finds that request of the run again: how they
    are numbered is the one thing in which ledgers differ here.
    """
    told = {name: f":{name}" for name in request}
    named = {"columns": ", ".join(told), "values": ", ".join(told.values())}
    values = {"kind": "read", "attempt": None, **by, **request, **_said(entry)}
    for sql in _statements(entry):
        if into.execute(sql.format_map(named), values) != 1:
            raise _unmet(entry)


def begin_run(into: Statements, run: contract.Run) -> None:
    """Write down that a run has begun, and who runs it."""
    into.execute(_BEGIN, _run(run))


def end_run(into: Statements, run: contract.Run) -> None:
    """Write down how a run ended; `LedgerWriteFailed` where it never began."""
    if into.execute(_END, _run(run)) != 1:
        raise LedgerWriteFailed(f"run {run.run_id} cannot finish: it never began")


def _statements(entry: contract.Entry) -> tuple[str, ...]:
    if isinstance(entry, contract.Settled):
        if entry.outcome.name is OutcomeName.RESTORED:
            return (_SETTLE, _UNDO)
        if Fact.FINAL not in entry.outcome.name.facts:
            return (_NOTE,)
    return _STATEMENTS[type(entry)]


def _said(entry: contract.Entry) -> Values:
    """What an entry says, by the names of its fields."""
    said: dict[str, Any] = {name: getattr(entry, name) for name in type(entry).__annotations__}
    if isinstance(outcome := said.get("outcome"), Outcome):
        said |= {"outcome": outcome.name, "reason": outcome.reason}
    return said


def _unmet(entry: contract.Entry) -> LedgerWriteFailed:
    """What it means that a statement met no row."""
    if isinstance(entry, contract.Answered):
        return LedgerWriteFailed(f"request {entry.request} was answered, but never sent")
    kind = type(entry).__name__.lower()
    return LedgerWriteFailed(
        f"the ledger refused {kind} for {entry.appointment_id}: "
        "its state does not allow it, or it is not a row of the batch"
    )


def _run(run: contract.Run) -> Values:
    said = {name: getattr(run, name) for name in contract.Run.__slots__}
    told = {name: said[name] for name in ("options", "counts") if said[name] is not None}
    return said | {name: json.dumps(one, sort_keys=True) for name, one in told.items()}

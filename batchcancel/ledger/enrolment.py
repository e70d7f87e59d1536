"""How the rows of a batch come into a ledger, and what the policy decided on them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice

from batchcancel.appointments import Outcome, RejectedRow, Resolved
from batchcancel.ledger.contract import Approved, Batch, LedgerRow, Look, Observation
from batchcancel.ledger.statements import Statements

_PART = 10_000

_BATCH = "SELECT batch_id, enrolments FROM batches WHERE name = :name"
_ENROL_BATCH = """
    INSERT INTO batches (name, origin, digest, rows, rejected_rows, duplicates, kind, of_batch,
                         timezone, selection)
    VALUES (:name, :origin, :digest, :rows, :rejected_rows, :duplicates, :kind, :of_batch,
            :timezone, :selection)
    ON CONFLICT (name) DO UPDATE
    SET digest = excluded.digest, rows = excluded.rows, rejected_rows = excluded.rejected_rows,
        duplicates = excluded.duplicates, enrolments = batches.enrolments + 1,
        timezone = coalesce(excluded.timezone, batches.timezone), selection = excluded.selection
"""
_SAID = ("starts_at", "date", "session", "branch_id", "start_known_by", "manifest_start")
_NAMED = "appointment_id, starts_at, date, session, branch_id, line, start_known_by, manifest_start"
_LEFT_OUT_STAYS = """{0} = CASE
        WHEN rows.state = 'settled' AND rows.outcome <> 'skipped'
        THEN coalesce(excluded.{0}, rows.{0}) ELSE excluded.{0} END"""
# What was said of a row with a final outcome and is left out now stays: a later manifest may not
# say otherwise either.
_ENROL_ROWS = f"""
    INSERT INTO rows (batch_id, enrolment, {_NAMED})
    SELECT :batch_id, :enrolment, {_NAMED} FROM temp.loaded WHERE true
    ON CONFLICT (batch_id, appointment_id) DO UPDATE
    SET enrolment = excluded.enrolment, line = excluded.line,
        {", ".join(map(_LEFT_OUT_STAYS.format, _SAID))}
"""
_REDECIDED = "(outcome = 'skipped' OR outcome = 'already_cancelled' AND attempts = 0)"
_DROP_UNNAMED = f"""
    DELETE FROM rows
    WHERE batch_id = :batch_id AND enrolment <> :enrolment AND (
        state = 'waiting' OR {_REDECIDED} AND opened_at IS NULL)
"""
_CLEAR_REJECTED = "DELETE FROM rejected_rows WHERE batch_id = :batch_id"
_REJECTED = "line, reason, appointment_id"
_REJECT = f"""
    INSERT INTO rejected_rows (batch_id, {_REJECTED})
    SELECT :batch_id, {_REJECTED} FROM temp.loaded
"""
_ENDED = "appointment_id, outcome, reason"
# Those alone that end otherwise now: a batch of which most is skipped is decided in every run.
_CLEAR_ENDINGS = f"""
    UPDATE rows
    SET state = CASE WHEN opened_at IS NULL THEN 'waiting' ELSE 'open' END,
        outcome = NULL, reason = NULL, settled_at = NULL
    WHERE batch_id = :batch_id AND appointment_id IN (
        SELECT appointment_id FROM (
            SELECT {_ENDED} FROM rows WHERE batch_id = :batch_id AND {_REDECIDED}
            EXCEPT SELECT {_ENDED} FROM temp.loaded
        ) AS changed
    )
"""
_END = """
    UPDATE rows SET state = 'settled', outcome = loaded.outcome, reason = loaded.reason
    FROM temp.loaded AS loaded
    WHERE batch_id = :batch_id AND rows.appointment_id = loaded.appointment_id
      AND rows.state = 'waiting'
"""
_SEEN = (
    *("appointment_id", "observed_status", "observed_date", "observed_session"),
    *("observed_branch", "observed_label", "observed_at"),
)
_OBSERVE = f"""
    UPDATE rows SET {", ".join(f"{column} = loaded.{column}" for column in _SEEN[1:])}
    FROM temp.loaded AS loaded
    WHERE batch_id = :batch_id AND rows.appointment_id = loaded.appointment_id
"""
_REFUSED = "state = 'settled' AND outcome IN ('refused', 'not_found')"
_REOPEN_REFUSED = f"""
    UPDATE rows
    SET state = CASE WHEN settled_at IS NULL THEN 'open' ELSE 'waiting' END,
        opened_at = CASE WHEN settled_at IS NULL THEN opened_at END,
        outcome = NULL, reason = NULL, settled_at = NULL
    WHERE batch_id = :batch_id AND {_REFUSED}
      AND enrolment = (SELECT enrolments FROM batches WHERE batch_id = :batch_id)
"""
# What a person keeps was not sent, and what has another final outcome is not sent again; what was
# refused is in doubt once it is reopened, and until then has no time of its own.
_DOUBT = f"""
    UPDATE rows
    SET state = CASE state WHEN 'waiting' THEN 'open' ELSE state END,
        opened_at = CASE WHEN {_REFUSED} THEN :since ELSE coalesce(opened_at, :since) END,
        settled_at = CASE WHEN {_REFUSED} THEN NULL ELSE settled_at END,
        previous_status = coalesce(previous_status, observed_status)
    WHERE batch_id = :batch_id
      AND (state <> 'settled' OR {_REFUSED}
           OR outcome IN ('skipped', 'already_cancelled') AND coalesce(reason, '') <> 'kept')
"""
# The right sides see the row as it was.
_RESOLVE = """
    UPDATE rows
    SET state = CASE WHEN :is_kept OR outcome = 'needs_review' AND reason = 'moved'
                     THEN 'settled' ELSE 'waiting' END,
        outcome = CASE WHEN :is_kept THEN 'skipped'
                       WHEN outcome = 'needs_review' AND reason = 'moved' THEN 'cancelled' END,
        reason = CASE WHEN :is_kept THEN 'kept' END,
        settled_at = CASE WHEN :is_kept OR outcome = 'needs_review' AND reason = 'moved'
                          THEN :at ELSE settled_at END,
        opened_at = CASE WHEN outcome = 'needs_review' AND reason = 'moved' THEN opened_at END,
        resolved_as = :decision, resolved_by = :by, resolved_at = :at, resolved_reason = :reason,
        resolved_status = observed_status, resolved_date = observed_date,
        resolved_session = observed_session, resolved_branch = observed_branch
    WHERE batch_id = :batch_id AND appointment_id = :appointment_id
      AND (outcome = 'needs_review' OR state = 'open'
           OR outcome = 'skipped' AND reason IN ('moved', 'unknown_status', 'kept'))
"""
_NOTE = (
    "INSERT INTO looks (kind, batch, looked_at, found) VALUES (:kind, :batch, :looked_at, :found)"
)
_FORGET = "DELETE FROM looks WHERE kind = :kind AND batch = :batch"
_APPROVE = """
    UPDATE batches SET approval = :token, approved_by = :by, approved_at = :at
    WHERE batch_id = :batch_id
"""
_UNLOAD = "DROP TABLE IF EXISTS temp.loaded"


def enrol(
    into: Statements, batch: Batch, rows: Iterable[LedgerRow], rejected: Iterable[RejectedRow]
) -> None:
    """Make the batch hold exactly these rows, as far as nothing was sent for the others."""
    into.execute(_ENROL_BATCH, {name: getattr(batch, name) for name in Batch.__slots__})
    ((batch_id, enrolment),) = into.fetch(_BATCH, {"name": batch.name})
    values = {"batch_id": batch_id, "enrolment": enrolment}
    for part in _parts(rows):
        load(into, _NAMED, part)
        into.execute(_ENROL_ROWS, values)
    into.execute(_DROP_UNNAMED, values)
    into.execute(_CLEAR_REJECTED, values)
    unread = ((row.line, row.reason, row.appointment_id) for row in rejected)
    load(into, _REJECTED, unread, like="rejected_rows")
    into.execute(_REJECT, values)
    into.execute(_UNLOAD)


def decide(
    into: Statements,
    batch: str,
    endings: Iterable[tuple[str, Outcome]],
    observed: Iterable[Observation] = (),
) -> None:
    """Replace all endings of the batch that needed no request by these, as of what was seen.

    Rows that had one, and are none of these now, are waiting.
    """
    values = {"batch_id": batch_id_of(into, batch)}
    load(into, _ENDED, ((one, end.name, end.reason) for one, end in endings))
    into.execute(_CLEAR_ENDINGS, values)
    into.execute(_END, values)
    for part in _parts(observed):
        load(into, ", ".join(_SEEN), part)
        into.execute(_OBSERVE, values)
    into.execute(_UNLOAD)


def reopen_refused(into: Statements, batch: str) -> int:
    """Let refused and not-found rows wait again, as the operator asked; tells how many.

    Rows that the manifest no longer names, and rows in doubt, stay as they are.
    """
    return into.execute(_REOPEN_REFUSED, {"batch_id": batch_id_of(into, batch)})


def doubt(into: Statements, batch: str, *, since: datetime) -> None:
    """Let all rows that may have been sent since then be read back before they are sent."""
    into.execute(_DOUBT, {"batch_id": batch_id_of(into, batch), "since": since})


def resolve(into: Statements, batch: str, resolved: Iterable[Resolved]) -> int:
    """Write persons' decisions down, and let the rows be left alone, or wait; tell how many.

    What was cancelled by us, and found moved, is cancelled. Rows on which nobody has to decide
    stay as they are.
    """
    known = {"batch_id": batch_id_of(into, batch)}
    return sum(
        into.execute(_RESOLVE, known | one._asdict() | {"is_kept": one.decision == "kept"})
        for one in resolved
    )


def approve(into: Statements, batch: str, approved: Approved) -> None:
    """Write down under which approval the batch is run from now on."""
    into.execute(_APPROVE, {"batch_id": batch_id_of(into, batch), **approved._asdict()})


def note(into: Statements, batch: str, look: Look) -> None:
    """Write down what was found by looking at the batch."""
    into.execute(_NOTE, look._asdict() | {"batch": batch, "found": json.dumps(look.found)})


def keep_rest(into: Statements, batch: str, look: Look | None) -> None:
    """Keep what a run that pauses leaves to the next one, in place of any other; None forgets."""
    into.execute(_FORGET, {"kind": "rest", "batch": batch})
    if look is not None:
        note(into, batch, look)


def batch_id_of(into: Statements, batch: str) -> int | None:
    """Find a batch by its name; None when it was never enrolled, and no row matches that."""
    found = into.fetch(_BATCH, {"name": batch})
    return int(found[0][0]) if found else None


def _parts(rows: Iterable[Sequence[object]]) -> Iterator[list[Sequence[object]]]:
    """Few enough for a temporary table to stay in memory: it needs no folder for files."""
    left = iter(rows)
    while part := list(islice(left, _PART)):
        yield part


def load(
    into: Statements, columns: str, rows: Iterable[Sequence[object]], *, like: str = "rows"
) -> None:
    """Let the temporary table `loaded` hold these rows, with columns of the table `like`."""
    into.execute(_UNLOAD)
    into.execute(f"CREATE TEMPORARY TABLE temp.loaded AS SELECT {columns} FROM {like} WHERE false")
    into.fill("temp.loaded", rows, columns=columns.count(",") + 1)

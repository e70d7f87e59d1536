"""What an answer proves about an appointment. Pure: answers in, outcomes out.

Changed by us or before us is told by the record's `updated_at` against the moment at which our
oldest intent in doubt was written. Both are on the server's clock, that moment the earliest that it
could have been: an appointment that we changed cannot look changed before us.
"""

from datetime import datetime

from batchcancel.api import Answer, Meaning, Record
from batchcancel.appointments import Outcome, OutcomeName, SkipReason

CHANGED = "changed_after_intent"
"""Why an appointment needs a person's review."""

_BY_MEANING = {
    Meaning.ABSENT: OutcomeName.NOT_FOUND,
    Meaning.REFUSED: OutcomeName.REFUSED,
    Meaning.BUSY: OutcomeName.GAVE_UP,
    Meaning.UNKNOWN: OutcomeName.GAVE_UP,
}


def outcome_of_cancel(answer: Answer, *, opened_at: datetime, is_in_doubt: bool) -> Outcome:
    """How an appointment ended by the answer to its last PATCH.

    `opened_at` is when the oldest intent that may have been applied was written. `is_in_doubt` says
    that it was an earlier one: then a refusal may be its echo, proves nothing, and the row stays
    open.
    """
    if answer.meaning is Meaning.PROVED and answer.record is not None:
        return _of_cancelled(answer.record, opened_at=opened_at)
    if is_in_doubt:
        return Outcome(OutcomeName.GAVE_UP, answer.code)
    return Outcome(_BY_MEANING[answer.meaning], answer.code)


def outcome_of_read(answer: Answer, *, opened_at: datetime | None) -> Outcome | None:
    """How an appointment ended by its record alone; None when it is still to be cancelled.

    `opened_at` is when our oldest intent in doubt was written, None if there is none. Then an
    absence proves nothing, for nothing is ever deleted; and an appointment that is alive and was
    touched after the intent is for a person to decide.
    """
    if answer.meaning is Meaning.ABSENT and opened_at is None:
        return Outcome(OutcomeName.NOT_FOUND, answer.code)
    record = answer.record
    if answer.meaning is not Meaning.PROVED or record is None:
        return Outcome(OutcomeName.GAVE_UP, answer.code)
    if record.status == "completed":
        return Outcome(OutcomeName.SKIPPED, SkipReason.COMPLETED)
    if opened_at is not None:
        return _after_intent(record, opened_at=opened_at)
    return Outcome(OutcomeName.ALREADY_CANCELLED) if record.status == "cancelled" else None


def _after_intent(record: Record, *, opened_at: datetime) -> Outcome | None:
    if record.status == "cancelled":
        return _of_cancelled(record, opened_at=opened_at)
    if _is_touched(record, since=opened_at):
        return Outcome(OutcomeName.NEEDS_REVIEW, CHANGED)
    return None


def _of_cancelled(record: Record, *, opened_at: datetime) -> Outcome:
    if not _is_touched(record, since=opened_at):
        return Outcome(OutcomeName.ALREADY_CANCELLED)
    return Outcome(OutcomeName.CANCELLED)


def _is_touched(record: Record, *, since: datetime) -> bool:
    """Unknown counts as touched: the intent is on record, and nothing says that it came later."""
    return record.updated_at is None or record.updated_at >= since

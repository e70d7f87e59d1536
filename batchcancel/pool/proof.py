"""What an answer proves about an appointment. Pure: answers in, outcomes out.

Changed by us or before us is told by the record's `updated_at` against the moment at which our
oldest intent in doubt was written. Both are on the server's clock, that moment the earliest that it
could have been: an appointment that we changed cannot look changed before us.
"""

from collections.abc import Collection
from datetime import datetime

from batchcancel.api import Answer, Meaning, Record
from batchcancel.appointments import NOTHING_SAID, Outcome, OutcomeName, Said
from batchcancel.policy.observed import (
    CANCELLED,
    COMPLETED,
    SENDABLE,
    has_moved,
    is_changed,
    outcome_of,
)

CHANGED, MOVED = "changed_after_intent", "moved"
"""Why an appointment needs a person's review."""

_BY_MEANING = {
    Meaning.ABSENT: OutcomeName.NOT_FOUND,
    Meaning.REFUSED: OutcomeName.REFUSED,
    Meaning.BUSY: OutcomeName.GAVE_UP,
    Meaning.UNKNOWN: OutcomeName.GAVE_UP,
}


def outcome_of_cancel(
    answer: Answer,
    *,
    opened_at: datetime,
    is_in_doubt: bool,
    said: Said = NOTHING_SAID,
    seen: Said = NOTHING_SAID,
) -> Outcome:
    """How an appointment ended by the answer to its last PATCH.

    What the manifest `said` of it and where it was `seen` last, before it was sent, are compared.

    `opened_at` is when the oldest intent that may have been applied was written. `is_in_doubt` says
    that it was an earlier one: then a refusal may be its echo, proves nothing, and the row stays
    open.
    """
    if answer.meaning is Meaning.PROVED and answer.record is not None:
        return _of_cancelled(answer.record, said, seen, opened_at=opened_at)
    if is_in_doubt:
        return Outcome(OutcomeName.GAVE_UP, answer.code)
    return Outcome(_BY_MEANING[answer.meaning], answer.code)


def outcome_of_read(
    answer: Answer,
    *,
    opened_at: datetime | None,
    said: Said = NOTHING_SAID,
    seen: Said = NOTHING_SAID,
    statuses: Collection[str] = SENDABLE,
    was_cancelled: bool = False,
    approved_at: datetime | None = None,
) -> Outcome | None:
    """How an appointment ended by its record alone; None when it is still to be cancelled.

    `opened_at` is when our oldest intent in doubt was written, None if there is none. Then an
    absence proves nothing, for nothing is ever deleted; and an appointment that is alive and was
    touched after the intent is for a person to decide. What the manifest said of it, which
    `statuses` are sent and whether it `was_cancelled` before count as they do when planning.
    """
    if answer.meaning is Meaning.ABSENT and opened_at is None:
        return Outcome(OutcomeName.NOT_FOUND, answer.code)
    record = answer.record
    if answer.meaning is not Meaning.PROVED or record is None:
        return Outcome(OutcomeName.GAVE_UP, answer.code)
    if opened_at is not None:
        if record.status == CANCELLED:
            return _of_cancelled(record, said, seen, opened_at=opened_at)
        if record.status != COMPLETED and is_touched(record, since=opened_at):
            return Outcome(OutcomeName.NEEDS_REVIEW, CHANGED)
    return outcome_of(
        said,
        record,
        statuses=statuses,
        was_cancelled=was_cancelled,
        is_changed=is_changed(record.updated_at, approved_at),
    )


def _of_cancelled(record: Record, *places: Said, opened_at: datetime) -> Outcome:
    if not is_touched(record, since=opened_at):
        return Outcome(OutcomeName.ALREADY_CANCELLED)
    # Cancelled by us, and not where it was to be: staff had moved it in the last moment.
    if any(has_moved(place, record) for place in places):
        return Outcome(OutcomeName.NEEDS_REVIEW, MOVED)
    return Outcome(OutcomeName.CANCELLED)


def is_touched(record: Record, *, since: datetime) -> bool:
    """Unknown counts as touched: the intent is on record, and nothing says that it came later."""
    return record.updated_at is None or record.updated_at >= since

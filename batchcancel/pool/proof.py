"""What an answer proves about an appointment. Pure: answers in, outcomes out.

Changed by us or before us is told by the record's `updated_at` against the moment we first sent,
both on the server's clock. `Date` is cut to whole seconds and `updated_at` to milliseconds, so
`Date - age`, less a millisecond, is never later than the true moment: an appointment that we
changed cannot look changed before us.
"""

from datetime import datetime, timedelta

from batchcancel.api import Answer, Meaning, Record
from batchcancel.appointments import Outcome, OutcomeName, SkipReason

SLACK = timedelta(minutes=1)
"""Tolerance between two clocks: what was changed within it may be older or newer than ours."""

_BY_MEANING = {
    Meaning.ABSENT: OutcomeName.NOT_FOUND,
    Meaning.REFUSED: OutcomeName.REFUSED,
    Meaning.BUSY: OutcomeName.GAVE_UP,
    Meaning.UNKNOWN: OutcomeName.GAVE_UP,
}


def outcome_of_cancel(answer: Answer, *, age: timedelta, is_in_doubt: bool) -> Outcome:
    """How an appointment ended by its last answer.

    `age` is the time since the first attempt left. `is_in_doubt` says that an earlier attempt
    may have been applied: then a refusal proves nothing, and the row stays open.
    """
    if answer.meaning is Meaning.PROVED and answer.record is not None:
        return Outcome(_whose(answer.record, since=_on_server(answer, age)))
    # The refusal may be the echo of our own earlier attempt.
    if is_in_doubt and answer.meaning in (Meaning.REFUSED, Meaning.ABSENT):
        return Outcome(OutcomeName.GAVE_UP, answer.code)
    return Outcome(_BY_MEANING[answer.meaning], answer.code)


def outcome_of_read(answer: Answer, *, opened_at: datetime | None, now: datetime) -> Outcome | None:
    """How an appointment ended by its record alone; None when it is still to be cancelled.

    `opened_at` is when our oldest intent without a result was written, None if there is none.
    An appointment that is alive and was touched after that intent is for a person to decide.
    """
    if answer.meaning is Meaning.ABSENT:
        return Outcome(OutcomeName.NOT_FOUND, answer.code)
    record = answer.record
    if answer.meaning is not Meaning.PROVED or record is None:
        return Outcome(OutcomeName.GAVE_UP, answer.code)
    if record.status == "completed":
        return Outcome(OutcomeName.SKIPPED, SkipReason.COMPLETED)
    if opened_at is not None:
        # An intent that seems to lie ahead means a clock that was set: then nothing is known.
        since = _on_server(answer, now - opened_at) if now >= opened_at else None
        return _after_intent(record, since=since)
    return Outcome(OutcomeName.ALREADY_CANCELLED) if record.status == "cancelled" else None


def _after_intent(record: Record, *, since: datetime | None) -> Outcome | None:
    """Judge a record that our intent may have reached; `since` is when, by the server's clock."""
    if record.status == "cancelled":
        return Outcome(_whose(record, since=since))
    if since is None or record.updated_at is None or record.updated_at >= since - SLACK:
        return Outcome(OutcomeName.NEEDS_REVIEW, "changed_after_intent")
    return None


def _on_server(answer: Answer, age: timedelta) -> datetime | None:
    """The moment `age` before the answer, on the server's clock; None without a `Date`."""
    if answer.server_now is None:
        return None
    return answer.server_now - age - timedelta(milliseconds=1)


def _whose(record: Record, *, since: datetime | None) -> OutcomeName:
    # Unknown counts as ours: the intent is on record, and nothing says that somebody was earlier.
    if since is None or record.updated_at is None or record.updated_at >= since:
        return OutcomeName.CANCELLED
    return OutcomeName.ALREADY_CANCELLED

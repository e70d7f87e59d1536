"""What an answer proves of an appointment that was to be confirmed again."""

from datetime import UTC, date, datetime, timedelta

import pytest

from batchcancel.api import Answer, Meaning, Record
from batchcancel.appointments import Said
from batchcancel.pool.restore import outcome_of_look, outcome_of_restore

LEFT = datetime(2026, 6, 1, 6, tzinfo=UTC)
BEFORE, SENT, AFTER = (LEFT + timedelta(hours=number) for number in (1, 2, 3))
DAY, SEEN = date(2026, 6, 20), Said(date(2026, 6, 20), "Morning", None)


def shown(status, at, *, session="Morning"):
    record = Record(appointment_id="a1", status=status, updated_at=at, date=DAY, session=session)
    return Answer(meaning=Meaning.PROVED, code="200", record=record)


def other(meaning, code="CODE"):
    return Answer(meaning=meaning, code=code)


def told(outcome):
    return outcome and (outcome.name.value, outcome.reason)


@pytest.mark.promise(22)
@pytest.mark.parametrize(
    ("answer", "in_doubt", "ends"),
    [
        (shown("confirmed", AFTER), False, ("restored", None)),
        (shown("confirmed", SENT), True, ("restored", None)),
        (shown("confirmed", None), False, ("restored", None)),
        (shown("confirmed", BEFORE), False, ("skipped", "changed_since")),
        (shown("confirmed", AFTER, session="Evening"), False, ("needs_review", "moved")),
        (other(Meaning.REFUSED, "SLOT_FULL"), False, ("skipped", "slot_taken")),
        (other(Meaning.REFUSED, "SLOT_FULL"), True, ("gave_up", "SLOT_FULL")),
        (other(Meaning.REFUSED, "LOCKED"), False, ("refused", "LOCKED")),
        (other(Meaning.ABSENT, "NOT_FOUND"), False, ("not_found", "NOT_FOUND")),
        (other(Meaning.ABSENT, "NOT_FOUND"), True, ("gave_up", "NOT_FOUND")),
        (other(Meaning.UNKNOWN, "time_out"), False, ("gave_up", "time_out")),
    ],
)
def test_the_answer_to_a_patch(answer, in_doubt, ends):
    outcome = outcome_of_restore(answer, opened_at=SENT, is_in_doubt=in_doubt, seen=SEEN)
    assert told(outcome) == ends


@pytest.mark.promise(22)
@pytest.mark.parametrize(
    ("answer", "opened_at", "ends"),
    [
        (shown("cancelled", LEFT), None, None),
        (shown("cancelled", LEFT), SENT, None),
        (shown("cancelled", BEFORE), None, ("skipped", "changed_since")),
        (shown("cancelled", None), None, ("skipped", "changed_since")),
        (shown("cancelled", BEFORE), SENT, ("skipped", "changed_since")),
        (shown("cancelled", AFTER), SENT, ("needs_review", "changed_after_intent")),
        (shown("confirmed", LEFT), None, ("skipped", "changed_since")),
        (shown("confirmed", BEFORE), SENT, ("skipped", "changed_since")),
        (shown("confirmed", AFTER), SENT, ("restored", None)),
        (shown("confirmed", AFTER, session="Evening"), SENT, ("needs_review", "moved")),
        (shown("completed", AFTER), None, ("skipped", "changed_since")),
        (shown("completed", AFTER), SENT, ("needs_review", "changed_after_intent")),
        (shown("rescheduled", AFTER), SENT, ("needs_review", "changed_after_intent")),
        (other(Meaning.ABSENT, "NOT_FOUND"), None, ("not_found", "NOT_FOUND")),
        (other(Meaning.ABSENT, "NOT_FOUND"), SENT, ("gave_up", "NOT_FOUND")),
        (other(Meaning.UNKNOWN, "time_out"), None, ("gave_up", "time_out")),
    ],
)
def test_a_record_that_is_read(answer, opened_at, ends):
    outcome = outcome_of_look(answer, opened_at=opened_at, left_at=LEFT, seen=SEEN)
    assert told(outcome) == ends

"""What an answer proves, and what it does not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.api import Answer, Meaning, Record
from batchcancel.appointments import Outcome, OutcomeName, Said, SkipReason
from batchcancel.pool.proof import outcome_of_cancel, outcome_of_read

OPENED = datetime(2026, 6, 1, 6, tzinfo=UTC)
LONG_AGO = OPENED - timedelta(days=7)
MILLISECOND = timedelta(milliseconds=1)

CANCELLED = Outcome(OutcomeName.CANCELLED)
ALREADY_CANCELLED = Outcome(OutcomeName.ALREADY_CANCELLED)
NEEDS_REVIEW = Outcome(OutcomeName.NEEDS_REVIEW, "changed_after_intent")


def proved(status="cancelled", *, updated_at=OPENED) -> Answer:
    record = Record(appointment_id="a1", status=status, updated_at=updated_at)
    return Answer(meaning=Meaning.PROVED, code="200", record=record)


def cancel(answer: Answer, *, opened_at=OPENED, is_in_doubt=False) -> Outcome:
    return outcome_of_cancel(answer, opened_at=opened_at, is_in_doubt=is_in_doubt)


def read(answer: Answer, *, opened_at=None) -> Outcome | None:
    return outcome_of_read(answer, opened_at=opened_at)


@pytest.mark.parametrize(
    ("updated_at", "outcome"),
    [
        (OPENED + MILLISECOND, CANCELLED),
        (OPENED, CANCELLED),
        (OPENED - MILLISECOND, ALREADY_CANCELLED),
        (LONG_AGO, ALREADY_CANCELLED),
        (None, CANCELLED),
    ],
)
@pytest.mark.parametrize("is_in_doubt", [False, True])
def test_a_record_changed_since_our_oldest_intent_was_changed_by_us(
    updated_at, outcome, is_in_doubt
):
    answer = proved(updated_at=updated_at)
    assert outcome == cancel(answer, is_in_doubt=is_in_doubt)
    assert outcome == read(answer, opened_at=OPENED)


@pytest.mark.parametrize(
    ("meaning", "is_in_doubt", "name"),
    [
        (Meaning.ABSENT, False, OutcomeName.NOT_FOUND),
        (Meaning.ABSENT, True, OutcomeName.GAVE_UP),
        (Meaning.REFUSED, False, OutcomeName.REFUSED),
        (Meaning.REFUSED, True, OutcomeName.GAVE_UP),
        (Meaning.BUSY, False, OutcomeName.GAVE_UP),
        (Meaning.UNKNOWN, False, OutcomeName.GAVE_UP),
        (Meaning.UNKNOWN, True, OutcomeName.GAVE_UP),
    ],
)
def test_an_answer_without_proof_ends_an_appointment_with_its_code(meaning, is_in_doubt, name):
    answer = Answer(meaning=meaning, code="SOME_CODE")
    assert Outcome(name, "SOME_CODE") == cancel(answer, is_in_doubt=is_in_doubt)


moments = st.timedeltas(timedelta(0), timedelta(days=365)).map(lambda gap: OPENED + gap)
doubts = st.timedeltas(timedelta(0), timedelta(seconds=12))


@settings(deadline=None)
@given(
    sent=moments, there=doubts, off=doubts, digits=st.sampled_from([1_000, 1_000_000])
)  # fmt: skip
def test_what_we_changed_never_looks_changed_before_us(sent, there, off, digits):
    applied = sent + there
    shown = applied.replace(microsecond=applied.microsecond // digits * digits)
    opened_at = (sent - off).replace(microsecond=0)
    assert CANCELLED == cancel(proved(updated_at=shown), opened_at=opened_at)


@pytest.mark.parametrize("status", ["confirmed", "rescheduled"])
def test_a_read_of_a_living_appointment_that_we_never_touched_leaves_it_to_be_cancelled(status):
    assert read(proved(status)) is None


def test_a_read_of_a_cancelled_appointment_that_we_never_touched_was_not_ours():
    assert read(proved()) == ALREADY_CANCELLED


@pytest.mark.parametrize("opened_at", [None, OPENED])
def test_a_completed_appointment_is_left_alone(opened_at):
    assert read(proved("completed"), opened_at=opened_at) == Outcome(
        OutcomeName.SKIPPED, SkipReason.COMPLETED
    )


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("updated_at", "outcome"),
    [
        (OPENED + timedelta(seconds=1), NEEDS_REVIEW),
        (OPENED, NEEDS_REVIEW),
        (None, NEEDS_REVIEW),
        (OPENED - MILLISECOND, None),
        (LONG_AGO, None),
    ],
)
@pytest.mark.parametrize("status", ["confirmed", "rescheduled", "in_progress"])
def test_a_living_appointment_touched_after_our_intent_is_for_a_person(updated_at, outcome, status):
    if status == "in_progress" and outcome is None:
        outcome = Outcome(OutcomeName.SKIPPED, SkipReason.UNKNOWN_STATUS)
    assert outcome == read(proved(status, updated_at=updated_at), opened_at=OPENED)


SAID = Said(date(2026, 6, 15), "Morning")


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        ({"date": date(2026, 6, 15)}, OutcomeName.CANCELLED),
        ({"date": date(2026, 6, 22)}, OutcomeName.NEEDS_REVIEW),
        ({"session": " MORNING"}, OutcomeName.CANCELLED),
        ({"session": "Evening"}, OutcomeName.NEEDS_REVIEW),
        ({"date": date(2026, 6, 22), "updated_at": LONG_AGO}, OutcomeName.ALREADY_CANCELLED),
    ],
)
def test_what_was_moved_before_our_patch_met_it_is_for_a_person(record, outcome):
    answer = proved("cancelled", updated_at=OPENED)
    answer = replace(answer, record=replace(answer.record, **record))
    reason = "moved" if outcome is OutcomeName.NEEDS_REVIEW else None
    ended = outcome_of_cancel(answer, opened_at=OPENED, is_in_doubt=False, said=SAID)
    assert ended == Outcome(outcome, reason)
    assert outcome_of_read(answer, opened_at=OPENED, said=SAID) == ended


def test_what_was_moved_since_it_was_seen_is_for_a_person_also_where_the_manifest_names_no_place():
    answer = proved("cancelled", updated_at=OPENED)
    answer = replace(answer, record=replace(answer.record, date=date(2026, 6, 22)))
    review = Outcome(OutcomeName.NEEDS_REVIEW, "moved")
    assert review == outcome_of_cancel(answer, opened_at=OPENED, is_in_doubt=False, seen=SAID)
    assert review == outcome_of_read(answer, opened_at=OPENED, seen=SAID)


@pytest.mark.parametrize(
    ("status", "day", "reason"),
    [
        ("confirmed", 22, SkipReason.MOVED),
        ("completed", 15, SkipReason.COMPLETED),
        ("no_show", 15, SkipReason.UNKNOWN_STATUS),
    ],
)
@pytest.mark.parametrize("opened_at", [None, OPENED])
def test_what_a_read_shows_to_be_none_of_our_business_is_skipped(status, day, reason, opened_at):
    answer = proved(status, updated_at=LONG_AGO)
    answer = replace(answer, record=replace(answer.record, date=date(2026, 6, day)))
    ended = outcome_of_read(answer, opened_at=opened_at, said=SAID)
    assert ended == Outcome(OutcomeName.SKIPPED, reason)


@pytest.mark.parametrize("opened_at", [None, OPENED])
def test_a_record_in_an_answer_that_proves_nothing_is_not_looked_at(opened_at):
    answer = replace(proved(), meaning=Meaning.UNKNOWN)
    assert Outcome(OutcomeName.GAVE_UP, "200") == read(answer, opened_at=opened_at)
    assert Outcome(OutcomeName.GAVE_UP, "200") == cancel(answer)


@pytest.mark.promise(3)
@pytest.mark.parametrize("opened_at", [None, OPENED])
@pytest.mark.parametrize("meaning", [Meaning.REFUSED, Meaning.BUSY, Meaning.UNKNOWN])
def test_a_read_that_failed_settles_nothing(meaning, opened_at):
    answer = Answer(meaning=meaning, code="CODE")
    assert Outcome(OutcomeName.GAVE_UP, "CODE") == read(answer, opened_at=opened_at)


@pytest.mark.promise(3)
@pytest.mark.parametrize(
    ("opened_at", "name"), [(None, OutcomeName.NOT_FOUND), (OPENED, OutcomeName.GAVE_UP)]
)
def test_an_absence_ends_no_doubt_for_nothing_is_ever_deleted(opened_at, name):
    answer = Answer(meaning=Meaning.ABSENT, code="NOT_FOUND")
    assert Outcome(name, "NOT_FOUND") == read(answer, opened_at=opened_at)

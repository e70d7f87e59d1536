from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchcancel.api import Answer, Meaning, Record
from batchcancel.appointments import Outcome, OutcomeName, SkipReason
from batchcancel.pool.proof import outcome_of_cancel, outcome_of_read

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
AGE = timedelta(seconds=3)
LONG_AGO = NOW - timedelta(days=7)
MILLISECOND = timedelta(milliseconds=1)

CANCELLED = Outcome(OutcomeName.CANCELLED)
ALREADY_CANCELLED = Outcome(OutcomeName.ALREADY_CANCELLED)
NEEDS_REVIEW = Outcome(OutcomeName.NEEDS_REVIEW, "changed_after_intent")


def proved(status="cancelled", *, updated_at=NOW, server_now=NOW) -> Answer:
    record = Record(appointment_id="a1", status=status, updated_at=updated_at)
    return Answer(meaning=Meaning.PROVED, code="200", record=record, server_now=server_now)


def read(answer: Answer, *, opened_at=None, now=NOW) -> Outcome | None:
    return outcome_of_read(answer, opened_at=opened_at, now=now)


@pytest.mark.parametrize(
    ("updated_at", "outcome"),
    [
        (NOW - AGE, CANCELLED),
        (NOW - AGE - MILLISECOND, CANCELLED),
        (NOW - AGE - 2 * MILLISECOND, ALREADY_CANCELLED),
        (LONG_AGO, ALREADY_CANCELLED),
        (NOW, CANCELLED),
        (None, CANCELLED),
    ],
)
def test_a_record_changed_since_our_first_send_was_changed_by_us(updated_at, outcome):
    answer = proved(updated_at=updated_at)

    assert outcome == outcome_of_cancel(answer, age=AGE, is_in_doubt=False)


def test_without_a_date_a_cancelled_record_counts_as_ours():
    answer = proved(updated_at=LONG_AGO, server_now=None)

    assert outcome_of_cancel(answer, age=AGE, is_in_doubt=False) == CANCELLED


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

    assert Outcome(name, "SOME_CODE") == outcome_of_cancel(answer, age=AGE, is_in_doubt=is_in_doubt)


moments = st.timedeltas(timedelta(0), timedelta(days=365)).map(lambda gap: NOW + gap)
latencies = st.timedeltas(timedelta(0), timedelta(seconds=12))


@example(  # a Date that has just turned, and a network of no length
    sent=NOW - 0.6 * MILLISECOND, there=timedelta(0), back=0.6 * MILLISECOND, skew=timedelta(0)
)
@settings(deadline=None)
@given(sent=moments, there=latencies, back=latencies, skew=st.timedeltas(-AGE, AGE))
def test_what_we_changed_never_looks_changed_before_us(sent, there, back, skew):
    applied, dated = sent + there + skew, sent + there + back + skew  # on the server's clock
    answer = proved(updated_at=_to_millisecond(applied), server_now=dated.replace(microsecond=0))

    assert CANCELLED == outcome_of_cancel(answer, age=there + back, is_in_doubt=False)


@settings(deadline=None)
@given(
    sent=moments,
    before=st.timedeltas(timedelta(seconds=1, milliseconds=2), timedelta(days=9)),
    there=latencies,
)
def test_what_was_changed_long_enough_before_us_never_looks_like_ours(sent, before, there):
    dated = (sent + there).replace(microsecond=0)
    answer = proved(updated_at=sent - before, server_now=dated)

    assert ALREADY_CANCELLED == outcome_of_cancel(answer, age=there, is_in_doubt=False)


def _to_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize("status", ["confirmed", "rescheduled"])
def test_a_read_of_a_living_appointment_that_we_never_touched_leaves_it_to_be_cancelled(status):
    assert read(proved(status)) is None


def test_a_read_of_a_cancelled_appointment_that_we_never_touched_was_not_ours():
    assert read(proved()) == ALREADY_CANCELLED


@pytest.mark.parametrize("opened_at", [None, NOW - AGE])
def test_a_completed_appointment_is_left_alone(opened_at):
    assert read(proved("completed"), opened_at=opened_at) == Outcome(
        OutcomeName.SKIPPED, SkipReason.COMPLETED
    )


@pytest.mark.parametrize(
    ("updated_at", "outcome"),
    [(NOW, CANCELLED), (NOW - AGE, CANCELLED), (LONG_AGO, ALREADY_CANCELLED), (None, CANCELLED)],
)
def test_a_cancelled_appointment_is_ours_if_it_changed_after_our_intent(updated_at, outcome):
    assert outcome == read(proved(updated_at=updated_at), opened_at=NOW - AGE)


@pytest.mark.parametrize(
    ("updated_at", "outcome"),
    [(NOW, NEEDS_REVIEW), (NOW - AGE, NEEDS_REVIEW), (None, NEEDS_REVIEW), (LONG_AGO, None)],
)
def test_a_living_appointment_touched_after_our_intent_is_for_a_person(updated_at, outcome):
    assert outcome == read(proved("confirmed", updated_at=updated_at), opened_at=NOW - AGE)


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(1, NEEDS_REVIEW), (60, NEEDS_REVIEW), (60.001, None)]
)
def test_a_living_appointment_touched_within_a_minute_before_our_intent_is_for_a_person(
    seconds, outcome
):
    since = NOW - AGE - MILLISECOND
    answer = proved("confirmed", updated_at=since - timedelta(seconds=seconds))
    assert outcome == read(answer, opened_at=NOW - AGE)


def test_without_a_date_a_living_appointment_is_for_a_person():
    answer = proved("confirmed", updated_at=LONG_AGO, server_now=None)
    assert read(answer, opened_at=NOW - AGE) == NEEDS_REVIEW


def test_a_clock_that_went_back_behind_the_intent_leaves_a_living_appointment_to_a_person():
    answer = proved("confirmed", updated_at=LONG_AGO)
    assert read(answer, opened_at=NOW + AGE) == NEEDS_REVIEW


@pytest.mark.parametrize("opened_at", [None, NOW - AGE])
def test_a_record_in_an_answer_that_proves_nothing_is_not_looked_at(opened_at):
    answer = replace(proved(), meaning=Meaning.UNKNOWN)
    assert Outcome(OutcomeName.GAVE_UP, "200") == read(answer, opened_at=opened_at)
    assert Outcome(OutcomeName.GAVE_UP, "200") == outcome_of_cancel(
        answer, age=AGE, is_in_doubt=False
    )


@pytest.mark.parametrize("opened_at", [None, NOW - AGE])
@pytest.mark.parametrize(
    ("meaning", "name"),
    [
        (Meaning.ABSENT, OutcomeName.NOT_FOUND),
        (Meaning.REFUSED, OutcomeName.GAVE_UP),
        (Meaning.BUSY, OutcomeName.GAVE_UP),
        (Meaning.UNKNOWN, OutcomeName.GAVE_UP),
    ],
)
def test_a_read_that_failed_settles_nothing_but_an_absence(meaning, name, opened_at):
    answer = Answer(meaning=meaning, code="418")
    assert Outcome(name, "418") == read(answer, opened_at=opened_at)

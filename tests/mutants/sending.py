"""Defects in what is sent, when, and what an answer is taken for."""

from tests.mutants.defect import Defect

DEFECTS = (
    Defect(
        name="a stop between an intent and its PATCH is passed over",
        module="batchcancel.pool.exchange",
        old="if self._stop.reason is not None:",
        new="if False:",
        killer="test_a_stop_that_comes_while_the_intent_is_written_lets_nothing_leave",
    ),
    Defect(
        name="a Retry-After of just the longest patience stops the run",
        module="batchcancel.pool.exchange",
        old="if seconds > self._max_retry_after:",
        new="if seconds >= self._max_retry_after:",
        killer="test_a_retry_after_that_is_just_allowed_closes_the_gate",
    ),
    Defect(
        name="a doubt of up to twenty minutes is followed by another attempt",
        module="batchcancel.pool.cancel",
        old="LONGEST_DOUBT = timedelta(minutes=2)",
        new="LONGEST_DOUBT = timedelta(minutes=20)",
        killer="test_a_doubt_of_more_than_two_minutes_is_read_back_before_anything_is_sent",
    ),
    Defect(
        name="the age of a doubt ignores the attempts of this run",
        module="batchcancel.pool.cancel",
        old="max(self._age_in_this_run(), self._now() - opened_at)",
        new="self._now() - opened_at",
        killer="test_an_intent_that_seems_to_lie_ahead_makes_no_age_younger_than_this_runs_attempt",
    ),
    Defect(
        name="the age of a doubt ignores the intents of earlier runs",
        module="batchcancel.pool.cancel",
        old="max(self._age_in_this_run(), self._now() - opened_at)",
        new="self._age_in_this_run()",
        killer="test_the_age_counts_from_the_intent_of_an_earlier_run",
    ),
    Defect(
        name="a read-back trusts two clocks to agree to the millisecond",
        module="batchcancel.pool.proof",
        old=">= since - SLACK",
        new=">= since",
        killer="test_a_living_appointment_touched_within_a_minute_before_our_intent",
    ),
    Defect(
        name="who comes when a slot gets free overtakes who waited for it",
        module="batchcancel.huskyvoice.limiter",
        old="self._turn.locked() or ",
        new="",
        killer="test_who_comes_when_a_slot_gets_free_does_not_overtake_who_waited_for_it",
    ),
    Defect(
        name="what could not be told to a shared window is told late",
        module="batchcancel.huskyvoice.shared_limiter",
        old="self._pending.clear()",
        new="pass",
        killer="test_a_closing_that_could_not_be_told_in_time_is_not_told_late_and_begun_anew",
    ),
)

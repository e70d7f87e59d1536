"""Defects in what ends a doubt, what has the last word before a PATCH, and what is held."""

from tests.mutants.defect import Defect

DEFECTS = (
    Defect(
        name="a row in doubt is sent again without a read",
        module="batchcancel.pool.cancel",
        old="if self._opened_at is not None and not self._is_read:",
        new="if False:",
        killer="test_a_row_in_doubt_is_read_before_each_further_patch",
    ),
    Defect(
        name="a read is good for more than one PATCH",
        module="batchcancel.pool.cancel",
        old="""        self._is_read = False
        self._number += 1""",
        new="        self._number += 1",
        killer="test_a_row_in_doubt_is_read_before_each_further_patch",
    ),
    Defect(
        name="a row whose deadline passes a moment after a lost reply is settled as skipped",
        module="batchcancel.pool.cancel",
        old="is_late = is_skipped and self._has_lost_one",
        new="is_late = False",
        killer="test_a_deadline_that_passes_while_the_row_is_in_doubt_settles_nothing",
    ),
    Defect(
        name="a doubt is as old as its last attempt",
        module="batchcancel.pool.cancel",
        old="opened_at = self._opened_at or sent.opened_at",
        new="opened_at = sent.opened_at",
        killer="test_what_is_applied_late_between_a_read_and_the_next_attempt_was_ours",
    ),
    Defect(
        name="the policy is not asked again after the commit of an intent",
        module="batchcancel.pool.exchange",
        old="""        if write is not None:
            self._decide(write)
""",
        new="",
        killer="test_what_is_allowed_before_the_commit_and_not_after_it_is_not_sent_and_withdrawn",
    ),
    Defect(
        name="an intent stays although nothing was sent",
        module="batchcancel.pool.exchange",
        old="            if not slot.is_used:\n",
        new="            if False:\n",
        killer="test_a_withdrawal_tells_that_nothing_was_sent_and_whether_a_doubt_is_older",
    ),
    Defect(
        name="a key that is rejected leaves its row in doubt",
        module="batchcancel.pool.exchange",
        old="isinstance(error, BatchcancelError) and not error.leaves_doubt",
        new="False",
        killer="test_an_answer_that_stops_the_run_leaves_a_doubt_unless_it_says",
    ),
    Defect(
        name="an intent is dated to the microsecond, and records to less",
        module="batchcancel.pool.exchange",
        old=".replace(microsecond=0)",
        new="",
        killer="test_an_intent_is_dated_by_the_earliest_second_it_could_be_at_the_server",
    ),
    Defect(
        name="an absence ends a doubt",
        module="batchcancel.pool.proof",
        old="answer.meaning is Meaning.ABSENT and opened_at is None",
        new="answer.meaning is Meaning.ABSENT",
        killer="test_an_absence_ends_no_doubt_for_nothing_is_ever_deleted",
    ),
    Defect(
        name="a refusal ends a doubt",
        module="batchcancel.pool.proof",
        old="    if is_in_doubt:\n",
        new="    if False:\n",
        killer="test_an_answer_without_proof_ends_an_appointment_with_its_code",
    ),
    Defect(
        name="what we cancelled where nobody asked for it counts as cancelled",
        module="batchcancel.pool.proof",
        old="    if any(has_moved(place, record) for place in places):\n",
        new="    if False:\n",
        killer="test_what_was_moved_before_our_patch_met_it_is_for_a_person",
    ),
    Defect(
        name="a streak of refusals is settled at once",
        module="batchcancel.pool.workers",
        old="if _HELD in outcome.name.facts:",
        new="if False:",
        killer="test_a_streak_that_stops_the_run_settles_none_of_its_rows",
    ),
    Defect(
        name="what is held is settled although the run was stopped",
        module="batchcancel.pool.workers",
        old="""        if self._stop.reason is None:
            self._settle_held()""",
        new="        self._settle_held()",
        killer="test_a_run_that_is_stopped_leaves_what_is_held_waiting",
    ),
)

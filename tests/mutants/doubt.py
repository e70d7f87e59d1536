"""Defects in what ends a doubt, what has the last word before a PATCH, and what is held."""

from tests.mutants.defect import defects

DEFECTS = defects(r"""
commands.slices: a slice counts its own 429s and requests alone
test_the_most_requests_and_the_longest_duration_count_all_slices
- tools.exchange.go_on(
+ (lambda *_a, **_k: None)(

commands.work: what was noted in one slice is settled by none
test_what_was_not_found_waits_from_slice_to_slice_until_another_row_proves_life
- streak=pool.streak(),
+ streak=UNBROKEN,

commands.slices: a slice decides by this machine's clock until the API tells its own
test_this_machine_s_clock_that_is_set_between_two_slices_changes_no_decision
- tools.clock.take_over(rest.clock)
+ pass

pool.cancel: a row in doubt is sent again without a read
test_a_row_in_doubt_is_read_before_each_further_patch
seed 0
- if self._opened_at is not None and not self._is_read:
+ if False:

pool.cancel: a read is good for more than one PATCH
test_a_row_in_doubt_is_read_before_each_further_patch
- self._number, self._is_read = number, False
+ self._number = number

pool.cancel: a row whose deadline passes a moment after a lost reply is settled as skipped
test_a_deadline_that_passes_while_the_row_is_in_doubt_settles_nothing
- is_late = is_skipped and self._tries > 0
+ is_late = False

pool.cancel: a doubt is as old as its last attempt
test_what_is_applied_late_between_a_read_and_the_next_attempt_was_ours
- opened_at = self._opened_at or left_at
+ opened_at = left_at

pool.exchange: the policy is not asked again after the commit of an intent
test_what_is_allowed_before_the_commit_and_not_after_it_is_not_sent_and_withdrawn
seed 612
-         if write is not None:
-             self._decide(write)

pool.exchange: an intent stays although nothing was sent
test_a_withdrawal_tells_that_nothing_was_sent_and_whether_a_doubt_is_older
-             if not permit.is_sent:
+             if False:

pool.exchange: a key that is rejected leaves its row in doubt
test_an_answer_that_stops_the_run_leaves_a_doubt_unless_it_says
seed 56
- isinstance(error, BatchcancelError) and not error.leaves_doubt
+ False

pool.exchange: an intent is dated to the microsecond, and records to less
test_an_intent_is_dated_by_the_earliest_second_it_could_be_at_the_server
- .replace(microsecond=0)

pool.proof: an absence ends a doubt
test_an_absence_ends_no_doubt_for_nothing_is_ever_deleted
seed 56
- answer.meaning is Meaning.ABSENT and opened_at is None
+ answer.meaning is Meaning.ABSENT

pool.proof: a refusal ends a doubt
test_an_answer_without_proof_ends_an_appointment_with_its_code
-     if is_in_doubt:
+     if False:

pool.proof: what we cancelled where nobody asked for it counts as cancelled
test_what_was_moved_before_our_patch_met_it_is_for_a_person
seed 0
-     if any(has_moved(place, record) for place in places):
+     if False:

pool.workers: a streak of refusals is settled at once
test_a_streak_that_stops_the_run_settles_none_of_its_rows
seed 56
- if _HELD in outcome.name.facts:
+ if False:

pool.workers: a page that was read before a streak proves life in it
test_a_page_that_was_read_before_a_streak_proves_no_life_in_it
- elif one.has_record:
+ elif one.has_record or outcome.name in ("cancelled", "already_cancelled"):

pool.workers: what is held is settled although the run was stopped
test_a_run_that_is_stopped_leaves_what_is_held_waiting
-         if self._stop.reason is None:
-             self._settle_held()
+         self._settle_held()
""")

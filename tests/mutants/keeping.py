"""Defects in what is read from a manifest, written to a ledger and remembered there."""

from tests.mutants.defect import defects

DEFECTS = defects(r"""
writer: the writer writes again after a failed write
test_what_gathered_during_a_write_that_failed_is_not_written
- if self._failure is None:
+ if True:

writer: the writer leaves who waits for it waiting at its end
test_who_waits_when_the_writer_is_stopped_waits_no_longer
- self._group.written.set()
+ pass

ledger.enrolment: refused rows are opened again that the manifest no longer names
test_refused_rows_that_are_no_longer_named_stay_as_they_are [sqlite, postgres]
- AND enrolment = (SELECT enrolments FROM batches WHERE batch_id = :batch_id)

ledger.questions: a slot is forgotten whose request left long before its answer
test_a_request_that_was_answered_since_then_is_told_however_early_it_left [sqlite, postgres]
-  OR answered_at >= :since

ledger.questions: what was seen cancelled is forgotten where a later run could not look
test_what_was_seen_cancelled_stays_so_for_a_run_that_could_not_look [sqlite, postgres]
- OR {{observed_status}} = 'cancelled'
+ OR {{observed_status}} = 'nothing'

ledger.enrolment: what a manifest leaves out is forgotten of a settled row
test_what_was_said_of_a_settled_row_and_is_left_out_now_stays [sqlite, postgres]
- THEN coalesce(excluded.{0}, rows.{0})
+ THEN excluded.{0}

policy.earlier_runs: a settled row may come back with another day where that is accepted
test_what_was_settled_and_is_on_another_day_now_is_a_conflict_even_when_accepted
seed 87
- if not ids:
+ if True:

policy.content: a time without an offset is taken for UTC in a comparison
test_a_time_without_an_offset_differs_where_no_timezone_could_make_it_the_same
- utc + _FURTHEST_WEST, utc + _FURTHEST_EAST
+ utc, utc

policy.plan: what an export says is done is cancelled again
test_rows_that_the_manifest_marks_as_done_are_left_out_whatever_their_time
- pl.coalesce(marked, policy.skip_reasons(now=now))
+ policy.skip_reasons(now=now)

reader.manifest: outcomes are no part of a manifest's content
test_marks_belong_to_the_content_and_words_without_an_outcome_do_not
- update(pl.col("marked"), before=b"outcome ")
+ pass

reader.read: line ends after the last row are read as a row
test_line_ends_of_whatever_kind_after_the_last_row_are_no_rows
- .rstrip(b"\r\n")

commands.plan: windows of which all rows are cancelled do not count
test_windows_are_counted_where_rows_lie_that_are_cancelled_already_or_left
- settled = () if account is None else account.settled_places(settings.batch)
+ settled = ()

commands.run: a run that asked nothing is told as the one that decided
test_a_run_that_had_nothing_to_do_leaves_what_is_told_of_the_one_that_cancelled
- if planned.rules.is_asked:
+ if True:

commands.plan: where nobody looked at the calendar no window is open
test_where_nothing_is_left_windows_are_looked_at_only_if_that_is_asked
-         return NOT_LOOKED
+         return OpenWindows()
""")

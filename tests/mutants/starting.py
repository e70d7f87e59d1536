"""Defects in when an appointment is believed to start."""

from tests.mutants.defect import defects

DEFECTS = defects(r"""
policy.notice: the beginning of a day or a session proves that an appointment has begun
test_a_lifted_window_allows_what_may_yet_begin
- if latest < now:
+ if earliest < now:

policy.notice: the notice counts from the end of a day or a session
test_notice_counts_to_the_microsecond_from_the_earliest_start_and_the_latest_proves_it_begun
- return earliest - notice if notice else latest
+ return latest - notice

policy.notice: a frame is decided by the beginning of a day or a session
test_a_frame_and_a_single_row_are_decided_alike
- pl.when(pl.col("latest_start") < now)
+ pl.when(pl.col("starts_at") < now)

reader.times: a day alone is a midnight
test_a_time_is_an_instant_by_its_offset_else_local_and_a_day_is_no_midnight
- pl.when(pl.col("offset").is_null() & pl.col("has_clock"))
+ pl.when(pl.col("offset").is_null())

policy.starts: the batch label of a record does not count
test_of_two_windows_of_a_session_the_batch_label_of_the_record_counts
- and _is_meant(label, one.label)

policy.starts: a batch label is compared to the letter
test_a_batch_label_is_compared_as_people_mean_it
- told is not None and as_meant(asked) == as_meant(told)
+ told is not None and asked == told

policy.starts: a window that is left out moves its session to the windows that are listed
test_a_window_that_the_calendar_leaves_out_moves_no_start_to_a_later_one
- return start or day_start(day, self._timezone)
+ anyway = start_in(listed, day, session=session, label=None, timezone=self._timezone)
+         return start or anyway or day_start(day, self._timezone)

policy.starts: a day without any window is not looked for a week later
test_where_a_day_lists_no_window_the_same_weekday_a_week_later_counts
seed 117
- if here or day > date.max - _WEEK:
+ if True:

policy.starts: that windows are those of a week later is not told
test_where_a_day_lists_no_window_the_same_weekday_a_week_later_counts
- self._read_a_week_later.add(day)
+ pass

policy.starts: a window without an end lasts until another window of its session begins
test_another_window_of_the_same_session_is_not_the_next_session
-         if as_meant(one.session or "") != as_meant(window.session or "")

reader.times: a session past midnight ends before it begins
test_a_session_lasts_from_its_beginning_to_its_end_whatever_the_clocks_do
- day if ends > begins else day + _DAY_LONG
+ day

reader.start_columns: an export makes an exact start of a day
test_an_export_that_is_read_as_a_manifest_knows_its_starts_as_well_and_no_better
- pl.coalesce(told, exact)
+ exact

ledger.entries: the ledger forgets what a learned start is known by
test_the_ledger_keeps_what_a_learned_start_is_known_by
- CASE WHEN starts_at IS NULL THEN :known_by ELSE start_known_by END
+ start_known_by

reader.manifest: columns that name different days are not held against each other
test_a_start_on_another_day_of_the_clinic_than_the_date_says_makes_a_rejected_row
- (pl.col("own_day") != pl.col("date"))
+ (pl.col("own_day") != pl.col("own_day"))
""")

"""Defects in when an appointment is believed to start."""

from tests.mutants.defect import Defect

DEFECTS = (
    Defect(
        name="the beginning of a day or a session proves that an appointment has begun",
        module="batchcancel.policy.notice",
        old="if is_past(latest, now=now):",
        new="if is_past(earliest, now=now):",
        killer="test_with_a_lifted_window_what_may_yet_begin_is_cancelled",
    ),
    Defect(
        name="the notice counts from the end of a day or a session",
        module="batchcancel.policy.notice",
        old="return earliest - notice if notice else latest",
        new="return latest - notice",
        killer="test_notice_counts_from_the_earliest_start_and_only_the_latest_proves_it_begun",
    ),
    Defect(
        name="a frame is decided by the beginning of a day or a session",
        module="batchcancel.policy.notice",
        old='is_past(pl.col("latest_start"), now=now)',
        new='is_past(pl.col("starts_at"), now=now)',
        killer="test_a_frame_and_a_single_row_are_decided_alike",
    ),
    Defect(
        name="a day alone is a midnight",
        module="batchcancel.reader.times",
        old='pl.when(pl.col("offset").is_null() & pl.col("has_clock"))',
        new='pl.when(pl.col("offset").is_null())',
        killer="test_a_day_alone_is_a_day_and_no_midnight",
    ),
    Defect(
        name="the batch label of a record does not count",
        module="batchcancel.policy.starts",
        old="and _is_meant(label, one.label)",
        new="",
        killer="test_of_two_windows_of_a_session_the_batch_label_of_the_record_counts",
    ),
    Defect(
        name="a batch label is compared to the letter",
        module="batchcancel.policy.starts",
        old="told is not None and as_meant(asked) == as_meant(told)",
        new="told is not None and asked == told",
        killer="test_a_batch_label_is_compared_as_people_mean_it",
    ),
    Defect(
        name="a window that is left out moves its session to the windows that are listed",
        module="batchcancel.policy.starts",
        old="return start or day_start(day, self._timezone)",
        new="""anyway = start_in(listed, day, session=session, label=None, timezone=self._timezone)
        return start or anyway or day_start(day, self._timezone)""",
        killer="test_a_window_that_the_calendar_leaves_out_moves_no_start_to_a_later_one",
    ),
    Defect(
        name="a day without any window is not looked for a week later",
        module="batchcancel.policy.starts",
        old="if here or day > date.max - _WEEK:",
        new="if True:",
        killer="test_where_a_day_lists_no_window_the_same_weekday_a_week_later_counts",
    ),
    Defect(
        name="that windows are those of a week later is not told",
        module="batchcancel.policy.starts",
        old="self._read_a_week_later.add(day)",
        new="pass",
        killer="test_where_a_day_lists_no_window_the_same_weekday_a_week_later_counts",
    ),
    Defect(
        name="a window without an end lasts until another window of its session begins",
        module="batchcancel.policy.starts",
        old="""        if as_meant(one.session or "") != as_meant(window.session or "")\n""",
        new="",
        killer="test_another_window_of_the_same_session_is_not_the_next_session",
    ),
    Defect(
        name="a session past midnight ends before it begins",
        module="batchcancel.reader.times",
        old="day if ends > begins else day + _DAY_LONG",
        new="day",
        killer="test_a_session_lasts_from_its_beginning_to_its_end_whatever_the_clocks_do",
    ),
    Defect(
        name="an export makes an exact start of a day",
        module="batchcancel.reader.start_columns",
        old="pl.coalesce(told, exact)",
        new="exact",
        killer="test_an_export_that_is_read_as_a_manifest_knows_its_starts_as_well_and_no_better",
    ),
    Defect(
        name="the ledger forgets what a learned start is known by",
        module="batchcancel.ledger.entries",
        old="CASE WHEN starts_at IS NULL THEN :known_by ELSE start_known_by END",
        new="start_known_by",
        killer="test_the_ledger_keeps_what_a_learned_start_is_known_by",
    ),
    Defect(
        name="columns that name different days are not held against each other",
        module="batchcancel.reader.manifest",
        old='(pl.col("own_day") != pl.col("date"))',
        new='(pl.col("own_day") != pl.col("own_day"))',
        killer="test_a_start_on_another_day_of_the_clinic_than_the_date_says_makes_a_rejected_row",
    ),
)

"""Defects in what is read from a manifest, written to a ledger and remembered there."""

from tests.mutants.defect import Defect

_STILL_NAMED = "test_refused_rows_that_are_no_longer_named_stay_as_they_are"
_ANSWERED_LATE = "test_a_request_that_was_answered_since_then_is_told_however_early_it_left"

DEFECTS = (
    Defect(
        name="the writer writes again after a failed write",
        module="batchcancel.writer",
        old="if self._failure is None:",
        new="if True:",
        killer="test_what_gathered_during_a_write_that_failed_is_not_written",
    ),
    Defect(
        name="the writer leaves who waits for it waiting at its end",
        module="batchcancel.writer",
        old="self._group.written.set()",
        new="pass",
        killer="test_who_waits_when_the_writer_is_stopped_waits_no_longer",
    ),
    *(
        Defect(
            name=f"refused rows are opened again that the manifest no longer names, in {ledger}",
            module="batchcancel.ledger.enrolment",
            old="AND enrolment = (SELECT enrolments FROM batches WHERE batch_id = :batch_id)",
            new="",
            killer=_STILL_NAMED,
            only=ledger,
        )
        for ledger in ("sqlite", "postgres")
    ),
    *(
        Defect(
            name=f"a slot is forgotten whose request left long before its answer, in {ledger}",
            module="batchcancel.ledger.questions",
            old=" OR answered_at >= :since",
            new="",
            killer=_ANSWERED_LATE,
            only=ledger,
        )
        for ledger in ("sqlite", "postgres")
    ),
    *(
        Defect(
            name=f"what a manifest leaves out is forgotten of a settled row, in {ledger}",
            module="batchcancel.ledger.enrolment",
            old="THEN coalesce(excluded.{0}, rows.{0})",
            new="THEN excluded.{0}",
            killer="test_what_was_said_of_a_settled_row_and_is_left_out_now_stays",
            only=ledger,
        )
        for ledger in ("sqlite", "postgres")
    ),
    Defect(
        name="a settled row may come back with another day where that is accepted",
        module="batchcancel.policy.earlier_runs",
        old="if not ids:",
        new="if True:",
        killer="test_what_was_settled_and_is_on_another_day_now_is_a_conflict_even_when_accepted",
    ),
    Defect(
        name="a time without an offset is taken for UTC in a comparison",
        module="batchcancel.policy.content",
        old="not _FURTHEST_WEST <= offset <= _FURTHEST_EAST",
        new="offset != timedelta(0)",
        killer="test_a_time_without_an_offset_differs_where_no_timezone_could_make_it_the_same",
    ),
    Defect(
        name="what an export says is done is cancelled again",
        module="batchcancel.policy.plan",
        old="pl.coalesce(marked, policy.skip_reasons(now=now))",
        new="policy.skip_reasons(now=now)",
        killer="test_rows_that_the_manifest_marks_as_done_are_left_out_whatever_their_time",
    ),
    Defect(
        name="outcomes are no part of a manifest's content",
        module="batchcancel.reader.manifest",
        old='digest.update(b"outcome "',
        new='hashlib.sha256(b"outcome "',
        killer="test_marks_belong_to_the_content_and_words_without_an_outcome_do_not",
    ),
    Defect(
        name="line ends after the last row are read as a row",
        module="batchcancel.reader.read",
        old='.rstrip(b"\\r\\n")',
        new="",
        killer="test_line_ends_of_whatever_kind_after_the_last_row_are_no_rows",
    ),
)

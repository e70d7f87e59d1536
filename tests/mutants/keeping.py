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
            module="batchcancel.ledgers.enrolment",
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
            module="batchcancel.ledgers.questions",
            old=" OR answered_at >= :since",
            new="",
            killer=_ANSWERED_LATE,
            only=ledger,
        )
        for ledger in ("sqlite", "postgres")
    ),
    Defect(
        name="line ends after the last row are read as a row",
        module="batchcancel.reader.read",
        old='.rstrip(b"\\r\\n")',
        new="",
        killer="test_line_ends_of_whatever_kind_after_the_last_row_are_no_rows",
    ),
)

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
    Defect(
        name="refused rows are opened again that the manifest no longer names, in SQLite",
        module="batchcancel.ledgers.sqlite_enrolment",
        old="AND enrolment = (SELECT enrolments FROM batches WHERE batch_id = ?1)",
        new="",
        killer=_STILL_NAMED,
        only="sqlite",
    ),
    Defect(
        name="refused rows are opened again that the manifest no longer names, in PostgreSQL",
        module="batchcancel.ledgers.postgres_enrolment",
        old="AND enrolment = "
        "(SELECT enrolments FROM batchcancel.batches WHERE batch_id = %(batch_id)s)",
        new="",
        killer=_STILL_NAMED,
        only="postgres",
    ),
    Defect(
        name="a slot is forgotten whose request left long before its answer, in SQLite",
        module="batchcancel.ledgers.sqlite_reader",
        old=" OR answered_at >= :since",
        new="",
        killer=_ANSWERED_LATE,
        only="sqlite",
    ),
    Defect(
        name="a slot is forgotten whose request left long before its answer, in PostgreSQL",
        module="batchcancel.ledgers.postgres_reader",
        old=" OR answered_at >= %(since)s",
        new="",
        killer=_ANSWERED_LATE,
        only="postgres",
    ),
    Defect(
        name="line ends after the last row are read as a row",
        module="batchcancel.reader.read",
        old='.rstrip(b"\\r\\n")',
        new="",
        killer="test_line_ends_of_whatever_kind_after_the_last_row_are_no_rows",
    ),
)

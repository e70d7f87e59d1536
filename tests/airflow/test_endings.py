import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from batchcancel.airflow.endings import failure, raise_unless_done
from batchcancel.errors import (
    BatchHeld,
    ExitCode,
    FatalAnswer,
    InputError,
    Interrupted,
    Refusal,
    StoppedEarly,
    UnexpectedFailure,
)
from batchcancel.report.summary import Summary
from tests.tallies import counts_of


def summary(exit_code=ExitCode.DONE, held_back=0, **counts):
    return Summary(
        batch="b", run_id="r", counts=counts_of(**counts), duplicates=0, requests=0,
        rate_limited=0, elapsed_s=0.0, exit_code=exit_code, ledger="l", origin="https://h.example",
        held_back=held_back,
    )  # fmt: skip


def end(ended, *, allow_failures=False, skip_nothing=False):
    raise_unless_done(ended, allow_failures=allow_failures, skip_nothing=skip_nothing)


@pytest.mark.parametrize("kind", [InputError, Refusal, FatalAnswer])
def test_2_3_and_7_fail_without_another_try(kind):
    assert AirflowFailException is type(failure(kind("no")))


@pytest.mark.parametrize("error", [StoppedEarly("x"), BatchHeld("x"), Interrupted(15)])
def test_5_6_and_a_signal_fail_so_that_another_try_resumes(error):
    assert AirflowException is type(failure(error))


def test_a_defect_is_tried_again_because_the_ledger_is_sound():
    assert AirflowException is type(failure(UnexpectedFailure(ValueError("x"))))


def test_a_failure_tells_what_happened_and_what_to_do():
    assert "no such key. Get one." == str(failure(FatalAnswer("no such key", hint="Get one.")))


def test_a_failure_names_arguments_and_connections_and_no_flags():
    error = StoppedEarly("--max-duration of 60 s is over", hint="Run the same command again.")
    assert "`max_duration` of 60 s is over. Clear the task." == str(failure(error))


def test_4_fails_for_good_when_another_try_would_change_nothing():
    with pytest.raises(AirflowFailException, match="2 rows of batch b are not cancelled"):
        end(summary(ExitCode.INCOMPLETE, cancelled=1, refused=1, not_found=1))


def test_4_is_tried_again_while_rows_were_given_up_on():
    with pytest.raises(AirflowException) as caught:
        end(summary(ExitCode.INCOMPLETE, gave_up=1, refused=1))
    assert AirflowException is caught.type


NEED_A_PERSON = {
    "refused": 1,
    "not_found": 1,
    "rejected_rows": 1,
    "needs_review": 1,
    "skipped": {"moved": 1, "unknown_status": 1, "unknown_start": 1},
}


@pytest.mark.parametrize("outcome", NEED_A_PERSON)
def test_4_fails_for_good_where_all_that_is_left_needs_a_person(outcome):
    with pytest.raises(AirflowFailException):
        end(summary(ExitCode.INCOMPLETE, cancelled=1, **{outcome: NEED_A_PERSON[outcome]}))


@pytest.mark.parametrize("left", ["open", "gave_up", "waiting"])
def test_4_is_tried_again_where_a_row_beside_them_is_taken_up_again(left):
    with pytest.raises(AirflowException) as caught:
        end(summary(ExitCode.INCOMPLETE, **NEED_A_PERSON, **{left: 1}))
    assert AirflowException is caught.type


def test_rows_that_a_limit_held_back_are_not_sent_by_another_try():
    with pytest.raises(AirflowFailException):
        end(summary(ExitCode.INCOMPLETE, held_back=5, refused=1, waiting=5))


def test_rejected_rows_fail_for_good_because_another_try_reads_the_same_file():
    with pytest.raises(AirflowFailException, match="2 rows of batch b are not cancelled"):
        end(summary(ExitCode.INCOMPLETE, cancelled=1, rejected_rows=2))


@pytest.mark.parametrize("outcome", ["refused", "rejected_rows"])
def test_4_succeeds_where_failures_are_allowed(outcome):
    end(summary(ExitCode.INCOMPLETE, **{outcome: 1}), allow_failures=True)


def test_a_batch_whose_rows_nobody_can_read_is_not_skipped_as_nothing_to_do():
    end(summary(ExitCode.INCOMPLETE, rejected_rows=1), allow_failures=True, skip_nothing=True)


def test_0_succeeds():
    end(summary(cancelled=1, skipped={"notice_window": 1}), skip_nothing=True)


def test_a_batch_without_a_row_to_cancel_is_skipped_where_that_is_wanted():
    nothing = summary(skipped={"notice_window": 2})
    end(nothing)
    with pytest.raises(AirflowSkipException):
        end(nothing, skip_nothing=True)


def test_a_manifest_that_marks_all_its_rows_as_done_fails_for_good_and_says_so():
    with pytest.raises(AirflowFailException, match="done, by the manifest's column outcome"):
        end(summary(ExitCode.INCOMPLETE, skipped={"marked_done": 2}), skip_nothing=True)

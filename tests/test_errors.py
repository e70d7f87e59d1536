import signal

import pytest

from batchcancel import errors
from batchcancel.errors import BatchcancelError, ExitCode, Interrupted, UnexpectedFailure

CODES = {
    "UnexpectedFailure": 1,
    "InputError": 2,
    "UnsafeLedger": 2,
    "NoPlaceForLedger": 2,
    "Refusal": 3,
    "StoppedEarly": 5,
    "Unreachable": 5,
    "GateClosed": 5,
    "RequestsSpent": 5,
    "WindowFull": 5,
    "TimeSpent": 5,
    "CreditsSpent": 5,
    "LedgerWriteFailed": 5,
    "BatchHeld": 6,
    "FatalAnswer": 7,
    "KeyRejected": 7,
    "ScopeMissing": 7,
}


def descendants(kind: type) -> set[type]:
    return {one for child in kind.__subclasses__() for one in {child} | descendants(child)}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_every_kind_of_error_has_the_exit_code_of_the_table(name, code):
    assert code == getattr(errors, name).exit_code


def test_no_kind_of_error_is_missing_in_the_table():
    ours = {
        one.__name__ for one in descendants(BatchcancelError) if one.__module__ == errors.__name__
    }
    assert {*CODES, "Interrupted"} == ours


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_ends_with_128_and_the_signal(signum, code):
    error = Interrupted(signum)

    assert code == error.exit_code
    assert error.message == f"stopped by {signum.name}"


def test_an_unexpected_failure_tells_the_kind_and_keeps_the_text_to_itself():
    cause = RuntimeError("Bearer sk_live_1")
    error = UnexpectedFailure(cause)

    assert error.message == "unexpected RuntimeError"
    assert "sk_live_1" not in error.message + error.hint + str(error)
    assert error.__cause__ is cause


def test_a_missing_scope_is_named():
    error = errors.ScopeMissing("slots:read", hint="Pass something.")

    assert (error.scope, error.hint) == ("slots:read", "Pass something.")
    assert "slots:read" in str(error)


def test_the_exit_codes_are_those_of_the_design():
    assert list(ExitCode) == list(range(8))

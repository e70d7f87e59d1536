"""Exception hierarchy: what can stop a run. Each class carries an exit code, each error a hint.

Trouble with a single row is a value (`Outcome`), never one of these.
"""

import signal
from datetime import UTC, datetime
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command line; an interruption ends with 128 + the signal."""

    DONE = 0
    UNEXPECTED = 1
    BAD_INPUT = 2
    REFUSED = 3
    INCOMPLETE = 4
    STOPPED_EARLY = 5
    BATCH_HELD = 6
    FATAL = 7


class BatchcancelError(Exception):
    """A run cannot go on; `hint` says what to type or do next.

    `leaves_doubt` is false for the answers by which nothing that was asked has been done.
    """

    exit_code: int = ExitCode.UNEXPECTED
    leaves_doubt: bool = True

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UnexpectedFailure(BatchcancelError):
    """A defect of this program, met while a run was going on."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"unexpected {type(cause).__name__}",
            hint="This is a defect of batchcancel. The ledger is sound: the same command resumes.",
        )
        # Not by `raise ... from`: this is handed to `Stop.ask`, and reported after the drain.
        self.__cause__ = cause


def defect_in(error: BatchcancelError) -> BaseException | None:
    """The exception behind a defect of ours, for its traceback; None for any other error."""
    return error.__cause__ if isinstance(error, UnexpectedFailure) else None


class InputError(BatchcancelError):
    """A mistyped option, an unusable manifest or an unusable ledger; nothing was sent."""

    exit_code = ExitCode.BAD_INPUT


class UnsafeLedger(InputError):
    """A ledger that others may change is no proof of what was sent, not even for a plan."""


class NoPlaceForLedger(InputError):
    """A path at which no run could keep a ledger, so a plan has none to look at either."""


class Refusal(BatchcancelError):
    """Everything was understood, and the answer is no; nothing was sent."""

    exit_code = ExitCode.REFUSED


class StoppedEarly(BatchcancelError):
    """The run ended before its rows did; running the same batch again resumes it."""

    exit_code = ExitCode.STOPPED_EARLY


WRONG = {
    "no_such_name": "there is no such name",
    "name_service": "the name cannot be looked up now",
    "connection_refused": "the connection was refused",
    "no_connection": "no connection",
    "connection_lost": "the connection was lost",
    "tls": "TLS failed",
    "proxy": "the proxy does not let us through",
    "time_out": "no answer in time",
    "web_page": "a web page instead of the API (a login page?)",
    "unreadable_answer": "an answer that cannot be read",
    "404": "404 from something that is not the API",
}
"""What went wrong with a request, by its code, in plain words."""

WRONG_ADDRESS = {"no_such_name", "web_page", "404"}
"""What a mistyped address is answered with, and no outage."""


def wrong(code: str) -> str:
    """What went wrong with a request, in plain words; a code of the API as it is."""
    return WRONG.get(code, f"answered {code}")


class Unreachable(StoppedEarly):
    """Nobody who is the API answers; `code` tells what came instead, as it does of a request."""

    def __init__(self, code: str, *, ask: str) -> None:
        super().__init__(
            f"the API does not answer {ask}: {wrong(code)}",
            hint="Run the same command again when the API is back. If it never was: check "
            "--base-url, which ends with the API's version, /v1.",
        )
        self.code = code

    def tell_how_often(self, *, failed: int, asked: int, attempts: int) -> None:
        """For an API that has answered meanwhile: its address is right."""
        self.hint = (
            f"It answers now and then: {failed:,} of {asked:,} requests failed. Run the same "
            f"command again, and where that goes on with --max-attempts {2 * attempts}, which asks "
            "more often."
        )


class GateClosed(StoppedEarly):
    """The API asked for more patience (Retry-After) than this run may have.

    `kept_in` names what other programs learn it from; None where they do not.
    """

    def __init__(
        self, seconds: float, *, most: float, until: datetime, kept_in: str | None
    ) -> None:
        super().__init__(
            f"the API asks for {seconds:.0f} s of patience (Retry-After), more than the "
            f"{most:.0f} s allowed",
            hint=f"Run the same command again after {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, "
            "or raise --max-retry-after."
            + (f" Until then nobody sends with this key: {kept_in} says so." if kept_in else ""),
        )
        self.seconds = seconds


class RequestsSpent(StoppedEarly):
    """As many requests were sent as `--max-requests` allows; those under way are waited for."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"--max-requests of {most} were sent",
            hint="Run the same command again to go on; each run plans first, and where that takes "
            "all of them, only more lead on.",
        )


class WindowFull(StoppedEarly):
    """No slot of the rate limit's window is free for so long: a slice of a run is over.

    `until` is when one is, by this machine's clock; `run_id` names the slice, where it began.
    """

    def __init__(
        self, seconds: float, *, until: datetime | None = None, run_id: str | None = None
    ) -> None:
        super().__init__(
            f"the rate limit's window is full for {seconds:.0f} s",
            hint="The run goes on then; where it does not, run the same command again.",
        )
        self.until = until
        self.run_id = run_id


class TimeSpent(StoppedEarly):
    """`--max-duration` is over."""

    def __init__(self, most: float) -> None:
        super().__init__(
            f"--max-duration of {most:g} s is over", hint="Run the same command again to go on."
        )


class CreditsSpent(StoppedEarly):
    """Credits or a quota are used up: that concerns every row and proves nothing about any."""

    leaves_doubt = False


class LedgerWriteFailed(StoppedEarly):
    """The ledger, or the window it paces by, could not be written: nothing more may be sent."""


class BatchHeld(BatchcancelError):
    """Another run holds the batch; this one sent nothing."""

    exit_code = ExitCode.BATCH_HELD


class FatalAnswer(BatchcancelError):
    """The API answered in a way that makes every further request wrong."""

    exit_code = ExitCode.FATAL


class KeyRejected(FatalAnswer):
    """The API does not know the key, or no longer."""

    leaves_doubt = False


class ScopeMissing(FatalAnswer):
    """The key is known, and may not do what was asked."""

    leaves_doubt = False

    def __init__(self, scope: str, *, hint: str = "") -> None:
        super().__init__(f"the API key lacks the scope {scope}", hint=hint)
        self.scope = scope


class Interrupted(BatchcancelError):
    """SIGINT or SIGTERM asked the run to stop."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.exit_code = 128 + signum  # as a shell reports a command that a signal ended

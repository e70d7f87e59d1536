"""Error translation for Airflow: success, skip, fail for good, or try again."""

from collections.abc import Callable

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
)

from batchcancel.airflow.words import in_airflow
from batchcancel.appointments import Fact, OutcomeName
from batchcancel.errors import BatchcancelError, ExitCode
from batchcancel.report.counts import Counts
from batchcancel.report.summary import Summary

_AGAIN_THE_SAME = {ExitCode.BAD_INPUT, ExitCode.REFUSED, ExitCode.FATAL}
"""Exit codes that another try would end with too."""


def failure(error: BatchcancelError, words: Callable[[str], str] = in_airflow) -> AirflowException:
    """The exception for what stopped a job: one without retries where they cannot help.

    `words` turns a sentence of the core into one for readers of a task's log.
    """
    text = words(f"{error.message}. {error.hint}".rstrip())
    kind = AirflowFailException if error.exit_code in _AGAIN_THE_SAME else AirflowException
    return kind(text)


def raise_unless_done(summary: Summary, *, allow_failures: bool, skip_nothing: bool) -> None:
    """Raise the exception for a finished run that is no success, or, if asked, a skip.

    With `skip_nothing`, a batch without a row to cancel is a skip.
    """
    if summary.exit_code == ExitCode.INCOMPLETE and not allow_failures:
        raise _incomplete(summary)
    if skip_nothing and _is_nothing(summary.counts):
        raise AirflowSkipException("no row of the manifest was to be cancelled")


def _incomplete(summary: Summary) -> AirflowException:
    counts = summary.counts
    if counts.are_all_marked_done:
        return AirflowFailException(
            f"all rows of batch {summary.batch} are done, by the manifest's column outcome"
        )
    done = counts.with_fact(Fact.GONE) + counts[OutcomeName.RESTORED]
    uncancelled = counts.rows - done - counts[OutcomeName.SKIPPED]
    text = f"{uncancelled} rows of batch {summary.batch} are not cancelled"
    return incomplete(text, again=counts.left > summary.held_back)


def incomplete(text: str, *, again: bool) -> AirflowException:
    """The exception for a 4: another try helps where rows are left that it would take up.

    It does not where all that is left needs a person, or was not asked for.
    """
    return AirflowException(text) if again else AirflowFailException(text)


def _is_nothing(counts: Counts) -> bool:
    return counts.rows == counts[OutcomeName.SKIPPED]

"""The column `outcome` of a manifest that is an export of ours: which of its rows are done.

Whoever runs an export, or edits one into a manifest, does not mean to cancel again what it says is
cancelled. Words that are not ours are the clinic's own and say nothing here.
"""

import polars as pl

from batchcancel.appointments import OutcomeName, SkipReason
from batchcancel.ledger.contract import State

SENT_AGAIN = (OutcomeName.NOT_FOUND.value, OutcomeName.REFUSED.value)
"""What an operator may ask to have sent once more."""

_UNDONE = (*(state.value for state in State), OutcomeName.GAVE_UP.value)
_DECIDED_ANEW = (
    SkipReason.NOTICE_WINDOW.value,
    SkipReason.ALREADY_STARTED.value,
    SkipReason.UNKNOWN_START.value,
)
_OURS = (*_UNDONE, *(name.value for name in OutcomeName))
_SHOWN = 5
_CODE = "^[A-Za-z0-9_-]{1,32}$"


def mark() -> pl.Expr:
    """The outcome that settles a row by the frame's own columns; null where there is none."""
    word = _word("outcome")
    is_decided_anew = (word == OutcomeName.SKIPPED.value) & _word("reason").is_in(_DECIDED_ANEW)
    is_done = word.is_in(_OURS) & ~word.is_in(_UNDONE) & ~is_decided_anew.fill_null(False)
    return pl.when(is_done).then(word)


def foreign_words(outcomes: pl.Series) -> tuple[int, tuple[str, ...]]:
    """How many rows have words that are not ours, and the first few of those words.

    What looks like a code is named. Other text is not: it may be about a person.
    """
    word = _word(outcomes.name)
    foreign = outcomes.to_frame().select(word).filter((word != "") & ~word.is_in(_OURS)).to_series()
    codes = foreign.filter(foreign.str.contains(_CODE)).unique().sort()
    return len(foreign), tuple(codes.head(_SHOWN))


def _word(column: str) -> pl.Expr:
    """To the letter, as an export has it: a program that says Refused means something else."""
    return pl.col(column).str.strip_chars()

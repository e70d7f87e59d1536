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


def mark() -> pl.Expr:
    """The outcome that settles a row by the frame's own columns; null where there is none."""
    word = _word("outcome")
    is_decided_anew = (word == OutcomeName.SKIPPED.value) & _word("reason").is_in(_DECIDED_ANEW)
    is_done = word.is_in(_OURS) & ~word.is_in(_UNDONE) & ~is_decided_anew.fill_null(False)
    return pl.when(is_done).then(word)


def is_foreign() -> pl.Expr:
    """Whether the frame's `outcome` is a word that is none of ours."""
    word = _word("outcome")
    return (word != "") & ~word.is_in(_OURS)


def _word(column: str) -> pl.Expr:
    """To the letter, as an export has it: a program that says Refused means something else."""
    return pl.col(column).str.strip_chars()

"""Rejected rows in words: why, with the cell where it is an id, a time or a day."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from batchcancel.api import MOST_NOTES
from batchcancel.appointments import RejectedRow
from batchcancel.reader.columns import shortened
from batchcancel.reader.times import in_format, read_starts
from batchcancel.settings.quantities import date_format

REASONS: Final[Mapping[str, str]] = {
    "empty_id": "the appointment_id is empty",
    "bad_id": "the appointment_id is not 1 to 64 of the characters A-Z a-z 0-9 _ -",
    "repeated_header": "the header is repeated here",
    "conflicting_duplicate": "another row names the same appointment with different content",
    "unreadable_time": "the start is not a time such as 2026-06-15T09:00+05:30",
    "non_existent_time": "the clocks of the timezone skip this local time",
    "unreadable_known_by": "start_known_by is none of exact, session and day",
    "contradicting_start": "its columns name different starts, or different days; where date is "
    "not the appointment's day: --ignore-column date",
    "unreadable_date": "the date is not a day such as 2026-06-15",
    "ragged": "the row has more or fewer cells than the header",
    "stray_quote": "a quote stands inside an unquoted cell, or text follows a closing quote",
    "unclosed_quote": "the quote that opens here is never closed",
    "stray_return": "a carriage return stands inside an unquoted cell",
    "cell_too_long": "a cell is too long to be read",
    "nul": "the row holds a NUL character",
    "notes_too_long": f"the notes are longer than {MOST_NOTES:,} characters",
    "rejected_before": "the outcome of the row in an export: it could not be read; mend it first",
}
"""Every reason a row is rejected for, in plain words."""

_LOOKED_AT = 10_000
_COUNTED = r"^[0-9]{5}(\.[0-9]+)?$"
_DOUBT = ": day first or month first cannot be known"
_IN_ONE_ORDER = {"YYYY/MM/DD", "YYYY.MM.DD", "YYYYMMDD", "DD-MMM-YYYY", "DD MMM YYYY"}
_FORMATS: Final = (
    "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "MM-DD-YYYY", "DD.MM.YYYY", "DD/MM/YY", "MM/DD/YY",
    "DD.MM.YY", *sorted(_IN_ONE_ORDER),
)  # fmt: skip


def in_words(
    rejected: Sequence[RejectedRow], whole: Mapping[str, str], *, most: int
) -> Iterator[str]:
    """A line for each of the first rows, and how many more there are.

    Reasons for which a whole column cannot be read have one sentence, in `whole`.
    """
    yield from whole.values()
    left = [row for row in rejected if row.reason not in whole]
    for row in left[:most]:
        # As ASCII, so that a blank, or a letter that only looks like another, can be seen.
        cell = "" if row.cell is None else f": {shortened(row.cell, ascii)}"
        yield f"line {row.line}: {REASONS[row.reason]}{cell}"
    if len(left) > most:
        yield f"and {len(left) - most:,} more"


def whole_column(what: str, cells: pl.Series) -> str:
    """Say how a column is written of which no cell can be read, and what to do."""
    some = cells.unique(maintain_order=True).head(_LOOKED_AT)
    first = shortened(some[0], ascii)[1:-1]
    fitting = {one: day for one in _FORMATS if (day := _first_day(some, one))}
    if not fitting:
        like = "2026-06-15" if what == "date" else "2026-06-15T09:00+05:30"
        counted = some.str.contains(_COUNTED).all()
        why = ": days as a spreadsheet counts them" if counted else ""
        return f"every {what} is unreadable, like {first}{why}; write it like {like}"
    days = " or ".join(sorted({*fitting.values()}))
    doubt = "" if _IN_ONE_ORDER & fitting.keys() else _DOUBT
    return f"every {what} is written {first}{doubt}; write {days}, or pass " + " or ".join(
        f"--date-format {one}" for one in fitting
    )


def _first_day(cells: pl.Series, how: str) -> str | None:
    """The first day, in ISO 8601; None where one of the cells is not written like this."""
    texts = in_format(cells, date_format(how))
    known = read_starts(texts).select(pl.any_horizontal(pl.all().is_not_null()).all()).item()
    return str(texts[0])[:10] if known and (texts != cells).all() else None

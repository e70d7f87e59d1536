"""What is odd about the cells of a manifest and rejects no row: told in the plan and the log."""

from collections.abc import Iterator

import polars as pl

from batchcancel.appointments import KnownBy
from batchcancel.events import Caution
from batchcancel.reader.outcomes import is_foreign

_CODE, _SHOWN = "^[A-Za-z0-9_-]{1,32}$", 5
_MIDNIGHT = r"[Tt ]00:00(:00(\.0*)?)?( ?[A-Z+-].*)?$"
_NOTHING = ("nan", "null", "none", "nil", "na", "n/a", "#n/a", "<na>", "nat", "undefined")
"""How programs write an empty cell, in any case."""


def remarks(given: pl.DataFrame) -> Iterator[Caution]:
    """`given` has the columns of the file as text, null where empty, and what was read of them."""
    foreign = given.select("outcome").filter(is_foreign()).to_series().str.strip_chars()
    if rows := len(foreign):
        # Other text than what looks like a code may be about a person.
        named = ", ".join(foreign.filter(foreign.str.contains(_CODE)).unique().sort().head(_SHOWN))
        yield Caution(
            code="foreign_outcome",
            text=f"the column outcome has words in {_rows(rows)} that are none of this program's"
            f"{named and f' ({named})'}: they say nothing here, and these rows are decided on "
            "like others",
        )
    is_exact = pl.col("known_by").is_null() | (pl.col("known_by") == KnownBy.EXACT.value)
    starts = given.filter(is_exact).get_column("manifest_start").drop_nulls()
    if len(starts) and starts.str.contains(_MIDNIGHT).all():
        yield Caution(
            code="starts_at_midnight",
            text="every start is a midnight and is taken for that moment: where only the day is "
            f"known, write it alone, like {starts[0][:10]}",
        )
    notes = given.get_column("notes")
    empty = notes.filter(notes.str.strip_chars().str.to_lowercase().is_in(_NOTHING))
    if len(empty):
        yield Caution(
            code="empty_notes",
            text=f"the notes of {_rows(len(empty))} are {empty[0]!r} and are sent as they are: "
            "leave the cell empty where nothing is to be sent",
        )
    is_told = pl.col("has_start") & pl.col("date").is_not_null()
    unread = given.filter(is_told, pl.col("day").is_null())
    if unread.height:
        yield Caution(
            code="unreadable_date",
            text=f"the date of {_rows(unread.height)} cannot be read, first on line "
            f"{unread['line'][0]}, and is left out: their start tells the day",
        )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"

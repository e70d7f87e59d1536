"""What a manifest names of its rows (day, session, branch), and what of it can be compared."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, date
from uuid import UUID
from zoneinfo import ZoneInfo

import polars as pl

from batchcancel.api import Lookup
from batchcancel.appointments import as_meant
from batchcancel.errors import ScopeMissing
from batchcancel.events import Caution
from batchcancel.policy.pages import Budget
from batchcancel.policy.records import Words
from batchcancel.policy.starts import some
from batchcancel.reader.beside import left_join
from batchcancel.reader.start_columns import with_own_day

SAID = ("said_day", "said_session", "said_branch")
NAMED = pl.Schema(
    {
        "appointment_id": pl.String(),
        "said_day": pl.Date(),
        "said_session": pl.String(),
        "said_branch": pl.String(),
        "page": pl.Date(),
        "beside": pl.Date(),
    }
)
"""`page` is the day whose pages should show a row, `beside` another that may, else null."""

_WORDS = {"said_session": "session", "said_branch": "branch_id"}
_SESSIONS = {"morning", "afternoon", "evening"}
_SHOWN_LENGTH = 40


def named_by(frame: pl.DataFrame, timezone: ZoneInfo | None) -> pl.DataFrame:
    """What the rows of a manifest name, before anything but the calendar was asked about them.

    The day of a start is that of the clinic. The API's own days begin at midnight in UTC, so a
    start, a session that reaches over it, or a day of which no more is known may be found on the
    day beside it.
    """
    page = pl.coalesce("own_day", "date")
    begins, ends = pl.col("starts_at").dt.date(), pl.col("latest_start").dt.date()
    return with_own_day(frame, frame.get_column("starts_at"), timezone or UTC).select(
        "appointment_id",
        said_day="date" if timezone is None else page,
        said_session="session",
        said_branch="branch_id",
        page=page,
        beside=pl.when(begins != page).then(begins).when(ends != page).then(ends),
    )


def by_day(named: pl.DataFrame) -> dict[date | None, list[str]]:
    """The rows to be observed, by the day whose pages should show them."""
    return dict(named.group_by("page", maintain_order=True).agg("appointment_id").iter_rows())


def days_beside(named: pl.DataFrame) -> dict[date, dict[date, list[str]]]:
    """Rows that the pages of another day may show, by their day and by that one."""
    beside = (
        named.filter(pl.col("beside").is_not_null())
        .group_by("page", "beside", maintain_order=True)
        .agg("appointment_id")
    )
    others: dict[date, dict[date, list[str]]] = {}
    for day, other, ids in beside.iter_rows():
        others.setdefault(day, {})[other] = ids
    return others


async def comparable(
    named: pl.DataFrame, words: Words, *, lookup: Lookup, budget: Budget
) -> tuple[pl.DataFrame, list[Caution]]:
    """Leave out the words that no record and no window of a day uses, and tell them.

    Of a day whose records or windows are not known, the words that the API uses elsewhere are
    compared, and those that it documents.
    """
    unused = []
    for column, field in _WORDS.items():
        pairs = named.select("said_day", column).unique().drop_nulls(column).sort(pl.all())
        strange = [
            pair
            for pair in pairs.iter_rows()
            if not await _is_used(field, *pair, words=words, lookup=lookup, budget=budget)
        ]
        named = _without(named, column, strange)
        unused += [(day, field, word) for day, word in strange if words.is_known(day)]
    return named, list(_told(unused))


async def _is_used(
    field: str, day: date | None, word: str, *, words: Words, lookup: Lookup, budget: Budget
) -> bool:
    if words.is_used(field, word, day=day):
        return True
    windows = None
    if day is not None and words.is_known(day) and (day in lookup.listed or budget.spend()):
        with suppress(ScopeMissing):
            windows = await lookup.windows(day)
    if windows is None:
        return words.is_used(field, word, day=None) or _is_documented(field, word)
    for one in windows:
        words.note(day, session=one.session, branch_id=one.branch_id)
    return words.is_used(field, word, day=day)


def _is_documented(field: str, word: str) -> bool:
    """Whether it is one of the API's own by its looks: of a session, or the UUID of a branch."""
    if field == "session":
        return as_meant(word) in _SESSIONS
    try:
        return str(UUID(as_meant(word))) == as_meant(word)
    except ValueError:
        return False


def _without(
    named: pl.DataFrame, column: str, strange: Collection[tuple[date | None, str]]
) -> pl.DataFrame:
    if not strange:
        return named
    schema = {"said_day": pl.Date, column: pl.String}
    left_out = pl.DataFrame(strange, schema=schema, orient="row").with_columns(is_strange=True)
    return (
        left_join(named, left_out, ["said_day", column])
        .with_columns(pl.when(pl.col("is_strange").is_null()).then(column).alias(column))
        .drop("is_strange")
    )


def _told(unused: Collection[tuple[date, str, str]]) -> Iterator[Caution]:
    """What a row says is cut, so that it cannot steer a terminal or fill it."""
    if not unused:
        return
    shown = [f"{day} {field} {word[:_SHOWN_LENGTH]!r}" for day, field, word in sorted(unused)]
    yield Caution(
        code="not_compared",
        text=f"no record and no window uses {some(shown)}: this is not compared with "
        "what the records say",
    )

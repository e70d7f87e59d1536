"""The columns of a manifest's frame that tell when its appointments start.

`starts_at`, `latest_start` and `start_known_by` are a start; `local_start` is one whose timezone is
not known yet. Where the start is not an exact one, `latest_start` is null until the starts of the
sessions are known.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from batchcancel.appointments import KnownBy, Start
from batchcancel.reader.beside import left_join
from batchcancel.reader.times import KNOWN_BY, START_TYPES, STARTS

SESSION_KEY: Final = ("date", "session", "branch_id")
EXACT: Final = KnownBy.EXACT.value
_DAY = KnownBy.DAY.value
FOUND = ("found_start", "found_latest", "found_known_by")


def known_by_told() -> pl.Expr:
    """What the start is known by, as far as the manifest tells: exactly, unless it says less."""
    has_time = pl.col("starts_at").is_not_null() | pl.col("local_start").is_not_null()
    told, exact = pl.col("known_by"), pl.lit(EXACT, KNOWN_BY)
    return pl.when(has_time).then(pl.coalesce(told, exact)).when(told == _DAY).then(told)


def latest_if_exact(known_by: pl.Expr) -> pl.Expr:
    """An exact start is its latest one too."""
    return pl.when(known_by == EXACT).then("starts_at").alias("latest_start")


def contradicts_itself() -> pl.Expr:
    """Whether two columns name different moments or days, as far as no timezone is needed."""
    instants, local = (
        pl.col("starts_at", "other_starts_at"),
        pl.col("local_start", "other_local_start"),
    )
    days = [pl.col("day", "start_day", "other_start_day"), local.dt.date()]
    differ = [pl.min_horizontal(one) != pl.max_horizontal(one) for one in (instants, local, days)]
    return pl.any_horizontal(differ).fill_null(value=False)


def lacks_session_start() -> pl.Expr:
    """Whether a row's day and session have to tell when it starts, or at the latest starts."""
    has_time = pl.col("starts_at").is_not_null() | pl.col("local_start").is_not_null()
    is_exact = has_time & (pl.col("start_known_by") == EXACT)
    has_day = pl.col("date").is_not_null() | has_time
    return has_day & ~is_exact & pl.col("latest_start").is_null()


def session_key(prefix: str = "") -> list[pl.Expr]:
    """Day, session and branch of a row; the day alone where no more than that is known."""
    is_day = (pl.col("start_known_by") == _DAY).fill_null(value=False)
    session, branch_id = pl.when(~is_day).then("session"), pl.when(~is_day).then("branch_id")
    keys = (pl.col("date"), session, branch_id)
    return [key.alias(prefix + name) for key, name in zip(keys, SESSION_KEY, strict=True)]


def with_own_day(frame: pl.DataFrame, starts: pl.Series, tz: tzinfo) -> pl.DataFrame:
    """Add `own_day`, the day there of those that are among these `starts`."""
    moments = starts.drop_nulls().unique()
    days = pl.Series("own_day", [one.astimezone(tz).date() for one in moments], pl.Date())
    return left_join(frame, pl.DataFrame([moments, days]), ["starts_at"])


def with_days(frame: pl.DataFrame, tz: ZoneInfo) -> pl.DataFrame:
    """Add `own_day`, the day of the start, where it matters; it is the date where that is needed.

    It matters beside a date, and where the start is no exact one.
    """
    frame = frame.with_columns(latest_if_exact(pl.col("start_known_by")))
    needs_day = lacks_session_start()
    wanted = pl.col("starts_at").is_not_null() & (pl.col("date").is_not_null() | needs_day)
    starts = frame.filter(wanted).get_column("starts_at")
    return with_own_day(frame, starts, tz).with_columns(
        own_day=pl.when(wanted).then("own_day"),
        date=pl.coalesce("date", pl.when(needs_day).then("own_day")),
    )


def known_starts(
    rows: Iterable[tuple[*tuple[object, ...], Start]], keys: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """A frame of starts to be joined by `keys`, whose values come before the start in each row."""
    values = [
        (*key, start.earliest.astimezone(UTC), start.latest.astimezone(UTC), start.known_by.value)
        for *key, start in rows
    ]
    types = {**keys, **dict(zip(FOUND, START_TYPES.values(), strict=True))}
    return pl.DataFrame(values, schema=types, orient="row")


def fill_starts(frame: pl.DataFrame) -> pl.DataFrame:
    """Take over the joined starts, in rows that tell no exact one; what they tell of it stays."""
    start, latest, known_by = (pl.col(name) for name in STARTS)
    is_open = (known_by != EXACT).fill_null(value=True)
    found_start, found_latest, found_known_by = (pl.when(is_open).then(name) for name in FOUND)
    # One that is known to lie outside its session begins when it is said to.
    not_before = pl.when(found_latest.is_not_null()).then(pl.max_horizontal(found_latest, start))
    return frame.with_columns(
        pl.coalesce(start, found_start),
        pl.coalesce(latest, not_before).alias("latest_start"),
        pl.coalesce(known_by, found_known_by),
    ).drop(FOUND)

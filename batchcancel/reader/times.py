"""Parsing of ISO 8601 times and dates, and conversion of local times to UTC."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import polars as pl

_DAY = "(?:19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}"
_HOUR, _SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_CLOCK = rf"{_HOUR}:{_SIXTY}(?::{_SIXTY}(?:\.[0-9]{{1,9}})?)?"
_OFFSET = f"(?:[Zz]|[+-]{_HOUR}(?::?{_SIXTY})?)"
_MOMENT = f"^{_DAY}(?:[Tt ]{_CLOCK}{_OFFSET}?)?$"

_SECOND = 1_000_000
# The last day of the year 9999 is left out: in some timezones its end has no instant in UTC.
_FIRST, _LAST = datetime(1970, 1, 1), datetime(9999, 12, 30, 23, 59, 59, 999_999)  # noqa: DTZ001 -- bounds of local and of UTC times


def read_starts(texts: pl.Series) -> pl.DataFrame:
    """Read ISO 8601 moments, such as `2026-06-15T09:00:30.5+05:30`, to the microsecond.

    With an offset they fill `starts_at` (UTC), without one `local_start` (naive), and a day alone
    is its local midnight. Both are null where the text is null or cannot be read.
    """
    return (
        texts.to_frame("text")
        .select(pl.when(pl.col("text").str.contains(_MOMENT)).then("text"))
        .select(
            moment=_day(pl.col("text").str.head(10)).cast(pl.Datetime("us")) + _since_midnight(),
            offset=_offset(pl.col("text").str.slice(16).str.strip_chars_start(":.0123456789")),
        )
        .select(
            starts_at=_in_range(pl.col("moment") - pl.col("offset")).dt.replace_time_zone("UTC"),
            local_start=_in_range(pl.when(pl.col("offset").is_null()).then("moment")),
        )
    )


def read_dates(texts: pl.Series) -> pl.Series:
    """Read days written as `2026-06-15`; null where the text is null or cannot be read."""
    text = pl.col("text")
    days = _day(pl.when(text.str.contains(f"^{_DAY}$")).then(text))
    return texts.to_frame("text").select(pl.when(days <= _LAST.date()).then(days)).to_series()


def instant_of(local: datetime, tz: ZoneInfo) -> datetime | None:
    """The instant of a naive local time, in UTC.

    An ambiguous time is the earlier instant; a time the clocks skip has none.
    """
    # A skipped local time does not survive the way to UTC and back.
    instant = local.replace(tzinfo=tz).astimezone(UTC)
    is_real = instant.astimezone(tz).replace(tzinfo=None) == local
    return instant if is_real else None


def session_start(day: date, clock: time | None, tz: ZoneInfo) -> datetime:
    """When a session starts, in UTC.

    When its time is not known (None), or the clocks skip it, that is the start of the day: the
    most cautious reading.
    """
    instant = None if clock is None else instant_of(datetime.combine(day, clock), tz)
    return instant or start_of_day(day, tz)


def start_of_day(day: date, tz: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC; also when the clocks skip midnight."""
    # With fold=0 a skipped midnight is read by the clock before the change: the change itself.
    return datetime.combine(day, time(), tzinfo=tz).astimezone(UTC)


def _day(text: pl.Expr) -> pl.Expr:
    return text.str.to_date("%Y-%m-%d", strict=False)


def _since_midnight() -> pl.Expr:
    text = pl.col("text")
    seconds = 3600 * _number(text.str.slice(11, 2)) + 60 * _number(text.str.slice(14, 2))
    tail = text.str.slice(16)
    seconds += _number(pl.when(tail.str.starts_with(":")).then(tail.str.slice(1, 2)))
    with_fraction = pl.when(tail.str.contains(".", literal=True)).then(tail)
    fraction = with_fraction.str.extract(r"\.([0-9]{1,6})").str.pad_end(6, "0")
    return (seconds * _SECOND + _number(fraction)).cast(pl.Duration("us"))


def _offset(zone: pl.Expr) -> pl.Expr:
    """Read `Z`, `+05`, `+0530` or `+05:30`; null where the zone is empty."""
    hours, minutes = zone.str.slice(1, 2), zone.str.slice(3).str.strip_chars_start(":")
    east = (60 * _number(hours) + _number(minutes)) * 60 * _SECOND
    signed = pl.when(zone.str.starts_with("-")).then(-east).otherwise(east)
    return pl.when(zone != "").then(signed).cast(pl.Duration("us"))


def _number(digits: pl.Expr) -> pl.Expr:
    return digits.cast(pl.Int64, strict=False).fill_null(0)


def _in_range(moment: pl.Expr) -> pl.Expr:
    return pl.when(moment.is_between(_FIRST, _LAST)).then(moment)

"""Parsing of ISO 8601 times and dates, and conversion of local times to UTC."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import polars as pl

from batchcancel.appointments import KnownBy, Start
from batchcancel.reader.beside import left_join

STARTS: Final = ("starts_at", "latest_start", "start_known_by")
"""The columns of a frame that hold a start; all of them are null where none is known."""

UTC_TIME: Final = pl.Datetime("us", "UTC")
KNOWN_BY: Final = pl.Enum([one.value for one in KnownBy])
START_TYPES: Final = dict(zip(STARTS, (UTC_TIME, UTC_TIME, KNOWN_BY), strict=True))

_DAY = "(?:19[7-9][0-9]|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}"
_HOUR, _SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_CLOCK = rf"{_HOUR}:{_SIXTY}(?::{_SIXTY}(?:\.[0-9]{{1,9}})?)?"
_OFFSET = f"(?:[Zz]|UTC|GMT|[+-]{_HOUR}(?::?{_SIXTY})?)"
_MIDNIGHT = r"(?:[Tt ]00:00(?::00(?:\.0{1,9})?)?)?"
_DAY_AND_CLOCK = (
    r"^(?<day>.*?)(?:[T, ]+(?<hour>[0-9]{1,2})(?<rest>:[0-9]{2}[0-9:.+Zz-]*)"
    r"(?: ?(?<half>[AaPp])\.?[Mm]\.?)?)?$"
)
_MOMENT = f"^{_DAY}(?:[Tt ]{_CLOCK}{_OFFSET}?| {_CLOCK} {_OFFSET})?$"

_SECOND, _DAY_LONG = 1_000_000, timedelta(days=1)
# The last day of the year 9999 is left out: in some timezones its end has no instant in UTC.
_FIRST, _LAST = datetime(1970, 1, 1), datetime(9999, 12, 30, 23, 59, 59, 999_999)  # noqa: DTZ001 -- bounds of local and of UTC times


def read_starts(texts: pl.Series) -> pl.DataFrame:
    """Read ISO 8601 moments, such as `2026-06-15T09:00:30.5+05:30`, to the microsecond.

    With an offset they fill `starts_at` (UTC), without one `local_start` (naive), and a day alone,
    which is no midnight, `start_day`. All are null where the text is null or cannot be read.
    """
    # Each text once: most appointments share their start with others.
    rows = texts.to_frame("text")
    return left_join(rows, _starts(texts.unique().drop_nulls()), ["text"]).drop("text")


def _starts(texts: pl.Series) -> pl.DataFrame:
    has_clock = pl.col("text").str.len_bytes() > len("2026-06-15")
    return (
        texts.to_frame("text")
        .filter(pl.col("text").str.contains(_MOMENT))
        .select(
            "text",
            has_clock=has_clock,
            moment=_day(pl.col("text").str.head(10)).cast(pl.Datetime("us")) + _since_midnight(),
            offset=_offset(pl.col("text").str.slice(16).str.strip_chars_start(":.0123456789 ")),
        )
        .select(
            "text",
            starts_at=_in_range(pl.col("moment") - pl.col("offset")).dt.replace_time_zone("UTC"),
            local_start=_in_range(
                pl.when(pl.col("offset").is_null() & pl.col("has_clock")).then("moment")
            ),
            start_day=_in_range(pl.when(~pl.col("has_clock")).then("moment")).dt.date(),
        )
    )


def in_format(texts: pl.Series, how: str) -> pl.Series:
    """What is written in a format of `strptime`, as ISO 8601; what is not, to the letter.

    A time of day may follow, also with AM or PM.
    """
    text = pl.col("text")
    parts = text.str.strip_chars().str.extract_groups(_DAY_AND_CLOCK).struct
    hour, afternoon = parts["hour"].cast(pl.Int64), parts["half"].str.to_lowercase() == "p"
    of_half = pl.when(hour <= 12).then(hour % 12 + 12 * afternoon)  # noqa: PLR2004 - hours
    hour = pl.when(parts["half"].is_null()).then(hour).otherwise(of_half)
    clock = pl.format("T{}{}", hour.cast(pl.String).str.zfill(2), parts["rest"])
    day = parts["day"].str.to_date(how, strict=False).dt.strftime("%Y-%m-%d")
    told = day + pl.when(parts["hour"].is_null()).then(pl.lit("")).otherwise(clock)
    read = pl.when(told.str.contains(_MOMENT)).then(told).otherwise(text)
    return texts.to_frame("text").select(read.alias(texts.name)).to_series()


def read_dates(texts: pl.Series) -> pl.Series:
    """Read days written as `2026-06-15`; null where the text is null or cannot be read.

    A midnight after them, as programs write a day that they keep as a time, is none.
    """
    text = pl.col("text")
    days = _day(pl.when(text.str.contains(f"^{_DAY}{_MIDNIGHT}$")).then(text.str.head(10)))
    return texts.to_frame("text").select(pl.when(days <= _LAST.date()).then(days)).to_series()


def read_known_by(texts: pl.Series) -> pl.Series:
    """Read `exact`, `session` or `day`; null where the text is null or none of them."""
    return texts.str.strip_chars().str.to_lowercase().cast(KNOWN_BY, strict=False)


def instant_of(local: datetime, tz: ZoneInfo) -> datetime | None:
    """The instant of a naive local time, in UTC.

    An ambiguous time is the earlier instant; a time the clocks skip has none.
    """
    # A skipped local time does not survive the way to UTC and back.
    instant = local.replace(tzinfo=tz).astimezone(UTC)
    is_real = instant.astimezone(tz).replace(tzinfo=None) == local
    return instant if is_real else None


def start_of(
    earliest: datetime | None, latest: datetime | None, known_by: str | None
) -> Start | None:
    """The start in a row of `STARTS`; None where it is not known."""
    if earliest is None or latest is None or known_by is None:
        return None
    return Start(earliest, latest, KnownBy(known_by))


def session_start(day: date, begins: time, ends: time | None, tz: ZoneInfo) -> Start:
    """When an appointment of a session starts, by the session's times of day.

    Without an end that is known it lasts until the day ends, and one that ends earlier than it
    begins ends on the next day. One whose beginning the clocks skip is known by its day alone.
    """
    earliest = instant_of(datetime.combine(day, begins), tz)
    if earliest is None:
        return day_start(day, tz)
    return Start(earliest, _end_of_session(day, begins, ends, tz), KnownBy.SESSION)


def day_start(day: date, tz: ZoneInfo) -> Start:
    """When an appointment starts of which no more is known than its local day."""
    return Start(start_of_day(day, tz), start_of_day(day + _DAY_LONG, tz), KnownBy.DAY)


def _end_of_session(day: date, begins: time, ends: time | None, tz: ZoneInfo) -> datetime:
    if ends is None:
        return start_of_day(day + _DAY_LONG, tz)
    local = datetime.combine(day if ends > begins else day + _DAY_LONG, ends, tzinfo=tz)
    # Where the clocks skip it or show it twice, the later of its two readings.
    return max(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


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

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.appointments import KnownBy, Start
from batchcancel.reader.times import (
    day_start,
    in_format,
    instant_of,
    read_dates,
    read_known_by,
    read_starts,
    session_start,
    start_of_day,
)

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY, LAST = date(2026, 6, 15), date(9999, 12, 30)
BEIRUT = ZoneInfo("Asia/Beirut")  # its clocks skip midnight in spring


def read_start(text: str) -> tuple[datetime | None, datetime | None, date | None]:
    return read_starts(pl.Series([text])).row(0)


def local(*parts: int) -> datetime:
    return datetime(*parts)  # noqa: DTZ001 -- a local time is naive until its timezone is known


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-06-15T09:00Z", utc(2026, 6, 15, 9)), ("2026-06-15t09:00z", utc(2026, 6, 15, 9)),
     ("2026-06-15 09:00:30+05:30", utc(2026, 6, 15, 3, 30, 30)),
     ("2026-06-15T09:00+0530", utc(2026, 6, 15, 3, 30)),
     ("2026-06-15T09:00-05", utc(2026, 6, 15, 14)),
     ("2026-06-15T09:00-03:30", utc(2026, 6, 15, 12, 30)),
     ("2026-06-15T09:00:30.5Z", utc(2026, 6, 15, 9, 0, 30, 500_000)),
     ("2026-06-15T09:00:30.123456789Z", utc(2026, 6, 15, 9, 0, 30, 123_456)),
     ("2026-06-15T09:00+23:59", utc(2026, 6, 14, 9, 1)), ("2024-02-29T00:00Z", utc(2024, 2, 29)),
     ("2026-06-15T09:00", local(2026, 6, 15, 9)), ("2026-06-15T00:00", local(2026, 6, 15)),
     ("2026-06-15 23:59:59.000001", local(2026, 6, 15, 23, 59, 59, 1)),
     ("2026-06-15", date(2026, 6, 15)), ("1970-01-01", date(1970, 1, 1))],
)  # fmt: skip
def test_a_time_is_an_instant_by_its_offset_else_local_and_a_day_is_no_midnight(text, expected):
    is_day, has_offset = not isinstance(expected, datetime), getattr(expected, "tzinfo", None)
    row = [None, None, None]
    row[2 if is_day else 0 if has_offset else 1] = expected
    assert tuple(row) == read_start(text)


@pytest.mark.parametrize(
    "text",
    ["garbage", " 2026-06-15T09:00Z", "2026-06-15T09:00Z ", "2026-06-15T09:00Z\n", "2026-06-15T",
     "2026-06-15T09", "2026-06-15T0900Z", "2026-06-15  09:00", "20260615T0900Z",
     "15.06.2026 09:00", "2026-6-15T09:00Z", "2026-02-30T09:00Z", "2025-02-29T09:00Z",
     "2026-13-01T09:00Z", "2026-06-15T24:00Z", "2026-06-15T09:60Z", "2026-06-15T09:00:60Z",
     "2026-06-15T09:00:30.Z", "2026-06-15T09:00:30,5Z", "2026-06-15T09:00:30.1234567890Z",
     "2026-06-15T09:00+24:00", "2026-06-15T09:00+05:60", "2026-06-15T09:00+5",
     "2026-06-15T09:00 +05:30", "2026-06-15T09:00[Europe/Berlin]", "2026-06-15Z", "2026-02-30",
     "2026-6-15", "20260615", "9999-12-31", "1969-12-31T23:59Z", "1970-01-01T00:00+01:00",
     "9999-12-31T23:59-23:59", "10000-01-01T00:00Z", "\uff12\uff10\uff12\uff16-06-15T09:00Z"],
)  # fmt: skip
def test_anything_else_cannot_be_read(text):
    assert (None, None, None) == read_start(text)


@settings(max_examples=150, deadline=None)
@given(
    st.datetimes(local(1970, 1, 2), local(9999, 12, 29)),
    st.none() | st.integers(-1439, 1439).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_times_are_read_as_the_standard_library_reads_them(moment, offset):
    text = moment.isoformat()
    if offset is None:
        assert (None, moment, None) == read_start(text)
        return
    sign, minutes = "-" if offset < timedelta() else "+", abs(offset) // timedelta(minutes=1)
    text += f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    assert (datetime.fromisoformat(text).astimezone(UTC), None, None) == read_start(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2026-06-15", date(2026, 6, 15)), ("2024-02-29", date(2024, 2, 29)), ("2026-02-30", None),
     ("2026-06-15T00:00", date(2026, 6, 15)), ("2026-06-15 00:00:00.000000", date(2026, 6, 15)),
     ("2026-06-15T00:01", None), ("2026-06-15T00:00Z", None), (" 2026-06-15", None),
     ("15/06/2026", None), ("1969-12-31", None), ("9999-12-31", None)],
)  # fmt: skip
def test_a_date_is_an_existing_day_written_year_first(text, expected):
    assert [expected] == read_dates(pl.Series([text])).to_list()


def test_an_ambiguous_local_time_is_the_earlier_instant():
    assert datetime(2026, 10, 25, 0, 30, tzinfo=UTC) == instant_of(
        local(2026, 10, 25, 2, 30), BERLIN
    )


def test_a_skipped_local_time_has_no_instant():
    assert instant_of(local(2026, 3, 29, 2, 30), BERLIN) is None


def test_a_day_whose_midnight_is_skipped_starts_when_the_clocks_change():
    assert datetime(2026, 3, 28, 22, tzinfo=UTC) == start_of_day(date(2026, 3, 29), BEIRUT)


SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize(
    ("day", "begins", "ends"),
    [
        (MONDAY, utc(2026, 6, 14, 22), utc(2026, 6, 15, 22)),
        (SPRING, utc(2026, 3, 28, 23), utc(2026, 3, 29, 22)),
        (AUTUMN, utc(2026, 10, 24, 22), utc(2026, 10, 25, 23)),
        (LAST, utc(9999, 12, 29, 23), utc(9999, 12, 30, 23)),
    ],
)
def test_a_day_alone_lasts_from_its_first_instant_to_the_next_days(day, begins, ends):
    assert Start(begins, ends, KnownBy.DAY) == day_start(day, BERLIN)


@pytest.mark.parametrize(
    ("day", "begins", "ends", "earliest", "latest"),
    [
        (MONDAY, time(9), time(12), utc(2026, 6, 15, 7), utc(2026, 6, 15, 10)),
        (MONDAY, time(9), None, utc(2026, 6, 15, 7), utc(2026, 6, 15, 22)),
        (MONDAY, time(22), time(2), utc(2026, 6, 15, 20), utc(2026, 6, 16, 0)),
        (MONDAY, time(9), time(9), utc(2026, 6, 15, 7), utc(2026, 6, 16, 7)),
        (SPRING, time(1), time(2, 30), utc(2026, 3, 29, 0), utc(2026, 3, 29, 1, 30)),
        (AUTUMN, time(1), time(2, 30), utc(2026, 10, 24, 23), utc(2026, 10, 25, 1, 30)),
    ],
    ids=["whole", "no end", "past midnight", "ends as it begins", "skipped end", "end shown twice"],
)
def test_a_session_lasts_from_its_beginning_to_its_end_whatever_the_clocks_do(
    day, begins, ends, earliest, latest
):
    assert Start(earliest, latest, KnownBy.SESSION) == session_start(day, begins, ends, BERLIN)


def test_a_session_whose_beginning_the_clocks_skip_is_known_by_its_day():
    assert day_start(SPRING, BERLIN) == session_start(SPRING, time(2, 30), time(5), BERLIN)


@pytest.mark.parametrize(
    ("text", "known_by"),
    [("exact", "exact"), ("session", "session"), (" Day ", "day"), ("hour", None), ("", None)],
)
def test_what_a_start_is_known_by_is_one_of_three_words(text, known_by):
    assert [known_by] == read_known_by(pl.Series([text])).to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15/06/2026", "2026-06-15"),
        ("5/6/2026 9:30", "2026-06-05T09:30"),
        ("15/06/2026 12:05 AM", "2026-06-15T00:05"),
        ("15/06/2026, 12:05:09 p.m.", "2026-06-15T12:05:09"),
    ],
)
def test_a_day_in_a_format_may_have_a_time_behind_it(text, expected):
    assert [expected] == in_format(pl.Series([text]), "%d/%m/%Y").to_list()


@pytest.mark.parametrize(
    "text",
    ["2026-06-15", "06/15/2026", "15/06/26", "15/06/2026 25:00", "15/06/2026 13:00 AM", "", None],
)
def test_what_is_written_otherwise_or_cannot_be_stays_as_it_is(text):
    cells = pl.Series([text], dtype=pl.String)
    assert [text] == in_format(cells, "%d/%m/%Y").to_list()

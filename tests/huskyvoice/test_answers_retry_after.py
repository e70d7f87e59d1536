from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.huskyvoice.answers import LONGEST_RETRY_AFTER, http_date, retry_after

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
DATE = "Mon, 01 Jun 2026 06:00:42 GMT"

moments = st.timedeltas(timedelta(0), timedelta(days=36_500)).map(lambda gap: NOW + gap)
date_like = st.lists(
    st.sampled_from(
        ["Mon", "Mon,", "01", "99", "Jun", "2026", "0", "-1", "99999999999", "06:00:42", "25:61:61",
         "6", ":", "GMT", "-0000", "+0530", "+99999999", "٣", "(", ")", ",", "", "\\", '"', "\x00"]
    )
).map(" ".join)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("42", 42), (" 42\t", 42), ("007", 7), ("86400", 86_400),
     *((text, LONGEST_RETRY_AFTER) for text in ("86401", "9" * 5000, "0" * 15 + "99999"))],
)  # fmt: skip
def test_digits_are_seconds_and_more_than_a_day_counts_as_a_day(text, seconds):
    assert seconds == retry_after(text, server_now=NOW)


@pytest.mark.parametrize(
    "text",
    [None, "", " ", "nan", "inf", "-inf", "1e9", "-1", "+1", "1.5", "٤٢", "४२", "1_0", "0x10",
     "soon", "42 s", "5, 10", "2026-06-01T06:00:42Z", DATE + "x" * 64],
)  # fmt: skip
def test_what_is_neither_seconds_nor_a_date_says_nothing(text):
    assert retry_after(text, server_now=NOW) is None


@pytest.mark.parametrize(
    ("date", "passed", "seconds"),
    [
        *((f"Mon, 01 Jun 2026 06:00:42 {zone}", 0, 42) for zone in ("-0000", "GMT", "+0000", "")),
        ("Mon, 01 Jun 2026 11:30:42 +0530", 0, 42),
        (DATE, 40, 2),
        (DATE, 400 * 86_400, 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 0, LONGEST_RETRY_AFTER),
    ],
)
def test_a_date_is_an_instant_measured_against_the_answers_own_date(date, passed, seconds):
    assert seconds == retry_after(date, server_now=NOW + timedelta(seconds=passed))


@settings(deadline=None)
@given(text=st.text() | date_like)
def test_whatever_it_says_the_wait_is_from_nothing_to_a_day(text):
    seconds = retry_after(text, server_now=NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER


@settings(deadline=None)
@given(text=st.text() | date_like)
def test_whatever_a_date_says_it_is_in_utc_or_none(text):
    moment = http_date(text)
    assert moment is None or moment.tzinfo is UTC


@settings(deadline=None)
@given(moment=moments)
def test_every_http_date_is_read_to_the_second(moment):
    assert moment.replace(microsecond=0) == http_date(format_datetime(moment, usegmt=True))


@pytest.mark.parametrize("text", [None, "", "Fri, 31 Dec 9999 23:59:59 -0530", "x" * 65])
def test_what_is_no_date_is_none(text):
    assert http_date(text) is None

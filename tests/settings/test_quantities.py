import math
from datetime import time
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batchcancel.api import Rate
from batchcancel.settings import quantities
from batchcancel.settings.quantities import Cap

NOT_NUMBERS = ["", " ", "-1", "+1", "1e3", "nan", "inf", "1_000", "٣", "0x10", "1\n", " 1", "1,5"]


@pytest.mark.parametrize(
    ("text", "limit", "window"),
    [
        ("60/60s", 60, 60),
        ("60/m", 60, 60),
        ("60/1m", 60, 60),
        ("10/1.5s", 10, 1.5),
        ("1000/h", 1000, 3600),
        ("none", math.inf, 0),
    ],
)
def test_a_rate_is_a_number_of_requests_in_a_stretch_of_time(text, limit, window):
    assert Rate(limit, window) == quantities.rate(text)


@pytest.mark.parametrize(
    "text",
    ["", "60", "60/", "60/60", "0/60s", "60/0s", "-1/60s", "60/d", "60 / m", "60/m\n", "None",
     "1.5/s", "٦/m", "60/1e3s", "inf/s", "60/60s/60s", "1/999999999h"],
)  # fmt: skip
def test_any_other_rate_is_refused(text):
    with pytest.raises(ValueError, match="rate"):
        quantities.rate(text)


@pytest.mark.parametrize("text", ["60/60s", "10/1.5s", "none"])
def test_a_rate_is_shown_as_it_may_be_typed(text):
    assert text == str(quantities.rate(text))


@pytest.mark.parametrize(
    ("requests", "seconds"), [(0, 0), (1, 0), (60, 0), (61, 60), (120, 60), (121, 120), (600, 540)]
)
def test_the_first_window_costs_no_time_and_each_full_one_costs_a_window(requests, seconds):
    assert seconds == Rate(60, 60).seconds_for(requests)


def test_no_limit_takes_no_time():
    assert quantities.rate("none").seconds_for(1_000_000) == 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("45s", 45), ("90m", 5400), ("2h", 7200), ("1d", 86_400),
     ("1h30m", 5400), ("1.5h", 5400)],
)  # fmt: skip
def test_a_duration_has_units_and_a_bare_number_counts_seconds(text, seconds):
    assert seconds == quantities.seconds(text)


@pytest.mark.parametrize(
    "text", [*NOT_NUMBERS, "0", "0s", "1h 30m", "h", "1w", "30m5", "-1h", "1H", "999999999d"]
)
def test_any_other_duration_is_refused(text):
    with pytest.raises(ValueError, match="duration"):
        quantities.seconds(text)


@pytest.mark.parametrize(
    ("text", "cap"),
    [("500", Cap(500, is_percent=False)), ("0", Cap(0, is_percent=False)),
     ("5%", Cap(5, is_percent=True)), ("0.5%", Cap(0.5, is_percent=True))],
)  # fmt: skip
def test_a_cap_is_a_number_or_a_share(text, cap):
    assert cap == quantities.cap(text)
    assert text == str(cap)


@pytest.mark.parametrize("text", [*NOT_NUMBERS, "1.5", "%", "5 %", "5%%", "-5%"])
def test_any_other_cap_is_refused(text):
    with pytest.raises(ValueError, match="cap like 500 or 5%"):
        quantities.cap(text)


@example(tenths=92, rows=750)
@settings(deadline=None)
@given(tenths=st.integers(1, 1000), rows=st.integers(0, 1_000_000))
def test_a_share_is_the_exact_number_of_rows_rounded_down(tenths, rows):
    cap = quantities.cap(f"{tenths // 10}.{tenths % 10}%")

    assert Fraction(tenths * rows, 1000) // 1 == cap.rows_allowed(rows)


@pytest.mark.parametrize(("text", "hours"), [("0", 0), ("24", 24), ("1.5", 1.5)])
def test_hours_of_notice_are_from_0_on(text, hours):
    assert hours == quantities.hours(text)


@pytest.mark.parametrize("text", [*NOT_NUMBERS, "24h", "999999999"])
def test_any_other_hours_are_refused(text):
    with pytest.raises(ValueError, match="hours"):
        quantities.hours(text)


@pytest.mark.parametrize(("text", "count"), [("1", 1), ("007", 7), ("600", 600)])
def test_a_count_is_a_whole_number_from_1_on(text, count):
    assert count == quantities.whole_number(text)


@pytest.mark.parametrize("text", [*NOT_NUMBERS, "0", "000", "1.0", "1234567890"])
def test_any_other_count_is_refused(text):
    with pytest.raises(ValueError, match="whole number"):
        quantities.whole_number(text)


def test_a_timezone_is_an_iana_name():
    assert ZoneInfo("Asia/Kolkata") == quantities.timezone("Asia/Kolkata")


@pytest.mark.parametrize(
    "text", ["", " ", "IST+5", "Asia", "+05:30", "../etc/passwd", "/etc/localtime", "a\0b", "Ä"]
)
def test_any_other_timezone_is_refused(text):
    with pytest.raises(ValueError, match="IANA timezone like Asia/Kolkata"):
        quantities.timezone(text)


@pytest.mark.parametrize(
    ("text", "clock"), [("09:00", time(9)), ("00:00", time(0)), ("23:59", time(23, 59))]
)
def test_a_time_of_day_has_hours_and_minutes(text, clock):
    assert clock == quantities.clock_time(text)


@pytest.mark.parametrize(
    "text", ["", "9:00", "24:00", "09:60", "09:00:00", "09:00Z", "0900", "٣٩:٣٣", "09:00\n"]
)
def test_any_other_time_of_day_is_refused(text):
    with pytest.raises(ValueError, match="time of day"):
        quantities.clock_time(text)


@pytest.mark.parametrize(
    ("text", "is_on"),
    [("true", True), ("1", True), ("YES", True), ("on", True),
     ("false", False), ("0", False), ("No", False), ("off", False)],
)  # fmt: skip
def test_a_switch_has_eight_spellings(text, is_on):
    assert is_on is quantities.switch(text)


@pytest.mark.parametrize("text", ["", "y", "enabled", "2"])
def test_any_other_switch_is_refused(text):
    with pytest.raises(ValueError, match="true or false"):
        quantities.switch(text)

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


def each(table):
    """A row for each text of a table's row, with what stands before the texts."""
    return [(*before, *one) for *before, texts in table for one in texts]


KNOWN = [
    (quantities.rate,
     [("60/60s", Rate(60, 60)), ("60/m", Rate(60, 60)), ("60/1m", Rate(60, 60)),
      ("10/1.5s", Rate(10, 1.5)), ("1000/h", Rate(1000, 3600)), ("none", Rate(math.inf, 0))]),
    (quantities.seconds,
     [("90", 90), ("0.5", 0.5), ("45s", 45), ("90m", 5400), ("2h", 7200), ("1d", 86_400),
      ("1h30m", 5400), ("1.5h", 5400)]),
    (quantities.cap,
     [("500", Cap(500, is_percent=False)), ("0", Cap(0, is_percent=False)),
      ("5%", Cap(5, is_percent=True)), ("0.5%", Cap(0.5, is_percent=True))]),
    (quantities.hours, [("0", 0), ("24", 24), ("1.5", 1.5)]),
    (quantities.whole_number, [("1", 1), ("007", 7), ("600", 600)]),
    (quantities.timezone, [("Asia/Kolkata", ZoneInfo("Asia/Kolkata"))]),
    (quantities.clock_time, [("09:00", time(9)), ("00:00", time(0)), ("23:59", time(23, 59))]),
    (quantities.switch,
     [("true", True), ("1", True), ("YES", True), ("on", True),
      ("false", False), ("0", False), ("No", False), ("off", False)]),
]  # fmt: skip
"""A duration without a unit counts seconds, and a switch has eight spellings."""


@pytest.mark.parametrize(("parse", "text", "value"), each(KNOWN))
def test_a_quantity_is_what_people_mean_by_it(parse, text, value):
    assert value == parse(text)


OTHERS = [
    (quantities.rate, "rate",
     ["", "60", "60/", "60/60", "0/60s", "60/0s", "-1/60s", "60/d", "60 / m", "60/m\n", "None",
      "1.5/s", "٦/m", "60/1e3s", "inf/s", "60/60s/60s", "1/999999999h"]),
    (quantities.seconds, "duration",
     [*NOT_NUMBERS, "0", "0s", "1h 30m", "h", "1w", "30m5", "-1h", "1H", "999999999d"]),
    (quantities.cap, "cap like 500 or 5%", [*NOT_NUMBERS, "1.5", "%", "5 %", "5%%", "-5%"]),
    (quantities.hours, "hours", [*NOT_NUMBERS, "24h", "999999999"]),
    (quantities.whole_number, "whole number", [*NOT_NUMBERS, "0", "000", "1.0", "1234567890"]),
    (quantities.timezone, "IANA timezone like Asia/Kolkata",
     ["", " ", "IST+5", "Asia", "+05:30", "../etc/passwd", "/etc/localtime", "a\0b", "Ä"]),
    (quantities.clock_time, "time of day",
     ["", "9:00", "24:00", "09:60", "09:00:00", "09:00Z", "0900", "٣٩:٣٣", "09:00\n"]),
    (quantities.switch, "true or false", ["", "y", "enabled", "2"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("parse", "told", "text"),
    [(parse, told, text) for parse, told, texts in OTHERS for text in texts],
)
def test_anything_else_is_refused_with_what_it_should_be(parse, told, text):
    with pytest.raises(ValueError, match=told):
        parse(text)


@pytest.mark.parametrize(
    ("parse", "text"),
    [*((quantities.rate, text) for text in ("60/60s", "10/1.5s", "none")),
     *((quantities.cap, text) for text in ("500", "0", "5%", "0.5%"))],
)  # fmt: skip
def test_a_rate_and_a_cap_are_shown_as_they_may_be_typed(parse, text):
    assert text == str(parse(text))


@pytest.mark.parametrize(
    ("requests", "seconds"), [(0, 0), (1, 0), (60, 0), (61, 60), (120, 60), (121, 120), (600, 540)]
)
def test_the_first_window_costs_no_time_and_each_full_one_costs_a_window(requests, seconds):
    assert seconds == Rate(60, 60).seconds_for(requests)


def test_no_limit_takes_no_time():
    assert quantities.rate("none").seconds_for(1_000_000) == 0


@example(tenths=92, rows=750)
@settings(deadline=None)
@given(tenths=st.integers(1, 1000), rows=st.integers(0, 1_000_000))
def test_a_share_is_the_exact_number_of_rows_rounded_down(tenths, rows):
    cap = quantities.cap(f"{tenths // 10}.{tenths % 10}%")

    assert Fraction(tenths * rows, 1000) // 1 == cap.rows_allowed(rows)

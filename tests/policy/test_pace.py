"""When rows have their turn, and for how many requests days are looked at once more."""

import math
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from batchcancel.api import Rate
from batchcancel.policy.pace import Pace

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
DAY = date(2026, 6, 15)
SCHEMA = {
    "page": pl.Date,
    "observed_at": pl.Datetime("us", "UTC"),
    "is_read": pl.Boolean,
}


MINUTELY = Rate(60, 60)


def cost(*days: int, rate=MINUTELY, pages=3, budget=1000, is_read=False) -> int:
    """Requests for so many rows of each day in turn, all of them observed just now."""
    rows = [
        (DAY + timedelta(days=number), NOW, is_read)
        for number, count in enumerate(days)
        for _ in range(count)
    ]
    work = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    known = {DAY + timedelta(days=number): pages for number in range(len(days))}
    pace = Pace(now=NOW, rate=rate, pages=known, budget=budget)
    return pace.turns(work, is_read=pl.col("is_read"))["cost"].sum()


@pytest.mark.parametrize(
    ("days", "looks"),
    [((600,), 0), ((660,), 0), ((720,), 2), ((1200,), 3), ((1320,), 5), ((600, 600), 3)],
)
def test_the_pages_of_a_day_are_counted_as_often_as_they_grow_old_while_its_rows_are_sent(
    days, looks
):
    assert sum(days) + looks == cost(*days)


def test_of_a_long_day_those_pages_are_counted_that_show_rows_still_to_be_sent():
    assert 2000 + 12 <= cost(2000, pages=10) <= 2000 + 14


def test_every_day_that_comes_up_late_is_looked_at_once_more():
    assert 10_000 + 3 * 18 <= cost(*[500] * 20) <= 10_000 + 3 * 20


def test_the_last_few_rows_of_a_day_are_read_singly():
    assert 720 + 1 + 2 == cost(718, 2, pages=1)


def test_what_the_budget_does_not_pay_is_not_counted():
    assert 10_000 + 9 == cost(*[500] * 20, budget=10)


def test_without_a_rate_nothing_grows_old():
    assert 10_000 == cost(*[500] * 20, rate=Rate(math.inf, 0))


def test_what_is_read_by_itself_costs_a_request_more_and_no_page():
    assert 2400 == cost(600, 600, is_read=True)

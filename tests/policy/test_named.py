"""Which words of a manifest are held against the records: those that the API uses."""

from datetime import date

import polars as pl
import pytest

from batchcancel.api import Window
from batchcancel.errors import ScopeMissing
from batchcancel.policy.named import NAMED, comparable
from batchcancel.policy.pages import Budget
from batchcancel.policy.records import Words

pytestmark = pytest.mark.anyio

DAY = date(2026, 6, 15)
MORNING, EVENING = Window(session="Morning"), Window(session="Evening")


class Calendar:
    """Lists these windows for every day; None where the key may not read them."""

    def __init__(self, *windows: Window | None, is_listed: bool = False) -> None:
        self._windows, self.listed = windows, {DAY: windows} if is_listed else {}

    async def windows(self, day):
        if None in self._windows:
            raise ScopeMissing("slots:read")
        return self._windows


async def compared(session: str, calendar: Calendar, *, budget: int = 1) -> tuple[bool, int]:
    """Whether it is, where all records of the day are of the morning; and what was told."""
    words = Words()
    words.note(DAY, session="Morning", branch_id="b1")
    row = {"appointment_id": "a", "said_day": DAY, "said_session": session}
    named = pl.DataFrame([row], schema=NAMED)
    left, cautions = await comparable(named, words, lookup=calendar, budget=Budget(budget))
    return left["said_session"].null_count() == 0, len(cautions)


@pytest.mark.parametrize(
    ("session", "windows", "is_compared"),
    [
        ("Evening", [MORNING, EVENING], True),
        ("Evening", [MORNING], False),
        ("Abends", [MORNING, EVENING], False),
        ("Abends", [Window(session=" ABENDS")], True),
    ],
)
async def test_a_word_that_no_record_uses_is_compared_where_a_window_does(
    session, windows, is_compared
):
    assert (is_compared, not is_compared) == await compared(session, Calendar(*windows))


@pytest.mark.parametrize(("session", "is_compared"), [("Evening", True), ("Abends", False)])
@pytest.mark.parametrize(("calendar", "budget"), [(Calendar(MORNING), 0), (Calendar(None), 1)])
async def test_where_nobody_can_ask_the_calendar_documented_words_are_compared(
    session, is_compared, calendar, budget
):
    found = await compared(session, calendar, budget=budget)
    assert (is_compared, not is_compared) == found


async def test_windows_that_are_known_cost_nothing():
    known = Calendar(MORNING, Window(session="Abends"), is_listed=True)
    assert (True, 0) == await compared("Abends", known, budget=0)

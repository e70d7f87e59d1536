"""Which windows are open where rows would be cancelled."""

from datetime import date, timedelta

import pytest

from batchcancel.api import Window
from batchcancel.errors import Refusal
from batchcancel.policy.open_windows import OpenWindows, open_windows, read_windows, refuse_open
from batchcancel.policy.pages import Budget

DAY = date(2026, 6, 15)
LISTED = {
    DAY: [
        Window(session="Morning", branch_id="b1", free=4),
        Window(session="Evening", branch_id="b1", free=3),
        Window(session="Evening", branch_id="b2", is_open=False, free=0),
        Window(free=1),
    ]
}


@pytest.mark.parametrize(
    ("place", "windows", "places", "unread"),
    [
        ((DAY, "morning", "b1"), 2, 5, 0),
        ((DAY, None, "B1"), 3, 8, 0),
        ((DAY, "Evening", "b2"), 1, 1, 0),
        ((DAY, None, None), 3, 8, 0),
        ((DAY + timedelta(days=1), None, None), 0, 0, 1),
        ((None, "Morning", None), 0, 0, 1),
    ],
)
def test_a_window_counts_where_any_row_may_lie_in_it(place, windows, places, unread):
    found = open_windows([place, place], LISTED)
    assert OpenWindows(windows=windows, places=places, unread=unread) == found


@pytest.mark.anyio
async def test_windows_that_were_asked_for_before_cost_nothing_of_the_budget():
    class Lookup:
        def __init__(self):
            self.listed = {DAY: LISTED[DAY], DAY + timedelta(days=3): None}

        async def windows(self, day):
            return self.listed.setdefault(day, [])

    spots = [(DAY + timedelta(days=number), None, None) for number in range(4)] * 2
    budget = Budget(1)
    found = await read_windows(spots, Lookup(), budget)
    assert ([DAY, DAY + timedelta(days=1)], 0) == ([*found], budget.left)


@pytest.mark.parametrize(
    ("found", "why"),
    [({"windows": 1}, "1 window is still open"), ({"windows": 9}, "9 windows are still open"),
     ({"unread": 2}, "the windows of 2 days are closed is not known")],
)  # fmt: skip
def test_what_is_open_or_not_known_is_refused(found, why):
    with pytest.raises(Refusal, match=why):
        refuse_open(OpenWindows(**found))
    refuse_open(OpenWindows())

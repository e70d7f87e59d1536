from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.clock import ServerClock

OURS = datetime(2026, 6, 1, 6, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Machine:
    """A machine whose clock may be wrong and may be set, and a server that is `ahead` of it."""

    def __init__(self, ahead=timedelta(0)):
        self.passed = 100.0
        self.wall = OURS
        self.true = OURS + ahead
        self.clock = ServerClock(steady=lambda: self.passed, now=lambda: self.wall)

    def pass_time(self, seconds):
        self.passed += seconds
        self.wall += timedelta(seconds=seconds)
        self.true += timedelta(seconds=seconds)

    def answer(self, *, there=0.0, back=0.0, is_own=True, off=timedelta(0)):
        """One request, whose answer carries a `Date`; `off` is what is wrong with it."""
        asked = self.passed
        self.pass_time(there)
        date = (self.true + off).replace(microsecond=0)
        self.pass_time(back)
        self.clock.told(date, asked=asked, answered=self.passed, is_own=is_own)

    def holds(self):
        return self.clock.earliest() <= self.true <= self.clock.latest()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(*[st.floats(0, 3)] * 3),
        min_size=1,
        max_size=20,
    ),
    st.floats(-1e6, 1e6),
)
def test_the_servers_moment_is_always_between_the_two_that_it_can_be(requests, ahead):
    machine = Machine(timedelta(seconds=ahead))
    for before, there, back in requests:
        machine.pass_time(before)
        machine.answer(there=there, back=back)
        assert machine.holds()
    quickest = min(there + back for _, there, back in requests)
    drift = 2 * 2e-4 * sum(map(sum, requests))  # two parts in ten thousand, to either side
    assert machine.clock.latest() - machine.clock.earliest() <= SECOND * (1.0001 + quickest + drift)


def test_it_is_known_to_within_a_second_after_a_quick_answer():
    machine = Machine(timedelta(hours=12))
    machine.answer()
    assert machine.clock.latest() - machine.clock.earliest() <= SECOND


def test_setting_this_machines_clock_changes_nothing():
    machine = Machine(timedelta(hours=12))
    machine.answer()
    machine.wall -= timedelta(hours=12)
    machine.pass_time(3600)
    assert machine.holds()


def test_without_a_date_this_machines_clock_of_the_beginning_stands_in():
    machine = Machine()
    machine.wall += timedelta(days=1)
    machine.pass_time(60)
    assert not machine.clock.is_known
    assert OURS + timedelta(seconds=60) == machine.clock.earliest() == machine.clock.latest()


def test_a_gateways_date_counts_only_while_the_api_has_said_none():
    machine = Machine()
    machine.answer(is_own=False, off=timedelta(hours=3))
    assert timedelta(hours=2, minutes=59) < machine.clock.ahead
    machine.answer()
    machine.answer(is_own=False, off=timedelta(hours=-3))
    assert machine.holds()
    assert machine.clock.latest() - machine.clock.earliest() <= SECOND


def test_what_a_gateway_alone_has_told_dates_no_intent_later_than_this_machine_would():
    machine = Machine()
    machine.answer(is_own=False, off=timedelta(hours=3))
    assert machine.clock.latest() - machine.clock.earliest() > timedelta(hours=2, minutes=59)
    machine.answer()
    assert machine.holds()


@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_date_that_disagrees_widens_the_bounds_until_the_next_answer(off):
    machine = Machine()
    machine.answer()
    machine.answer(off=off)
    assert machine.holds()
    assert machine.clock.earliest() <= machine.true + off <= machine.clock.latest()
    machine.answer()
    assert machine.holds()
    assert machine.clock.latest() - machine.clock.earliest() <= SECOND


def test_a_server_whose_clock_is_set_is_followed():
    machine = Machine()
    machine.answer()
    machine.true += timedelta(hours=5)
    machine.answer()
    machine.answer()
    assert machine.holds()
    assert machine.clock.latest() - machine.clock.earliest() <= SECOND


@pytest.mark.parametrize("year", [1, 1970, 9999])
def test_a_date_that_can_be_none_is_passed_over(year):
    machine = Machine()
    machine.clock.told(datetime(year, 1, 1, tzinfo=UTC), asked=0.0, answered=9.0, is_own=True)
    assert not machine.clock.is_known


def test_over_a_day_the_bounds_allow_for_two_clocks_that_part_slowly():
    machine = Machine()
    machine.answer()
    for _ in range(24):
        machine.pass_time(3600)
        machine.true += timedelta(seconds=0.2)
        machine.answer()
        assert machine.holds()

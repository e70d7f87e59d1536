"""What every shared window promises: in a file (and so in memory), and in a database."""

import threading
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest

from batchcancel.api import PERMIT_S, Rate
from batchcancel.ledger.postgres.ledger import open_postgres
from tests.windows import file_window

LENGTH, TIMEOUT = 1000.0, 10.0
SLACK = 100.0
"""A real database's clock goes on meanwhile: on a busy machine by seconds."""


@dataclass
class Kit:
    """Windows of keys that share what a test says, and time that passes when it says so."""

    window: Any
    let_pass: Any


@pytest.fixture
def shared(postgres, database):
    """Time passes by moving everything that was noted into the past."""
    with ExitStack() as stack:

        def window(limit, key="key", length=LENGTH):
            ledger = open_postgres(database, origin="https://api.example.test", key=key)
            stack.enter_context(closing(ledger))
            return ledger.shared_window(Rate(limit=limit, window=length), timeout=TIMEOUT)

        def let_pass(seconds):
            past = f"- interval '{seconds} s'"
            postgres.execute(
                f"UPDATE batchcancel.slots SET taken_at = taken_at {past}, "
                f"counted_by = counted_by {past}; "
                f"UPDATE batchcancel.windows SET closed_until = closed_until {past}",
                url=database,
            )

        yield Kit(window, let_pass)


@pytest.fixture
def file(tmp_path):
    now = [0.0]

    def window(limit, key="key", length=LENGTH):
        return file_window(
            tmp_path / f"{key}.json", lambda: now[0], limit=limit, length=length, timeout=TIMEOUT
        )

    def let_pass(seconds):
        now[0] += seconds

    return Kit(window, let_pass)


@pytest.fixture(params=["file", "shared"])
def kit(request):
    return request.getfixturevalue(request.param)


def take_all(window):
    slots = []
    while (turn := window.take()).slot is not None:
        slots.append(turn.slot)
    return slots


def about(seconds):
    return pytest.approx(seconds, abs=SLACK)


def test_as_many_slots_as_the_limit_are_given_and_no_more(kit):
    window = kit.window(3)
    assert 3 == len(set(take_all(window)))
    assert (None, 3) == (window.take().slot, window.take().taken)


def test_all_who_use_the_key_share_them(kit):
    take_all(kit.window(3))
    assert [] == take_all(kit.window(3))


def test_another_key_has_its_own(kit):
    take_all(kit.window(3))
    assert 3 == len(take_all(kit.window(3, key="another")))


def test_looking_takes_nothing(kit):
    window = kit.window(1)
    assert (None, 0.0, 0, 0.0) == window.look()
    assert 1 == len(take_all(window))
    assert window.look().slot is None


def test_a_slot_is_free_one_window_after_the_answer(kit):
    window = kit.window(1)
    window.used(window.take().slot)
    kit.let_pass(LENGTH - SLACK)
    assert window.take().slot is None
    kit.let_pass(SLACK)
    assert window.take().slot is not None


def test_the_wait_is_until_the_first_slot_is_free(kit):
    window = kit.window(2)
    first, second = take_all(window)
    window.used(second)
    kit.let_pass(400)
    window.used(first)
    assert about(LENGTH - 400) == window.take().wait


def test_who_has_a_lower_limit_waits_for_enough_slots_to_be_free(kit):
    window = kit.window(3)
    for slot in take_all(window):
        window.used(slot)
        kit.let_pass(100)
    assert about(LENGTH - 200) == kit.window(2).take().wait


def test_a_slot_under_way_is_not_free_and_is_asked_for_now_and_then(kit):
    window = kit.window(1)
    window.take()
    assert about(LENGTH) == window.take().wait
    kit.let_pass(LENGTH)
    turn = window.take()
    assert (None, about(LENGTH / 10)) == (turn.slot, turn.wait)
    assert turn.wait > 0


def test_a_slot_whose_program_died_comes_back_by_itself_and_not_too_early(kit):
    window = kit.window(1)
    window.take()
    kit.let_pass(LENGTH + PERMIT_S + TIMEOUT - 25)
    assert window.take().slot is None
    kit.let_pass(25)
    assert window.take().slot is not None


def test_an_answer_told_late_keeps_no_slot_longer(kit):
    window = kit.window(1)
    slot = window.take().slot
    kit.let_pass(LENGTH + PERMIT_S + TIMEOUT)
    window.used(slot)
    assert window.take().slot is not None


def test_an_unused_slot_is_free_at_once(kit):
    window = kit.window(1)
    window.unused(window.take().slot)
    assert window.take().slot is not None


def test_what_is_told_twice_changes_nothing(kit):
    window = kit.window(1)
    slot = window.take().slot
    window.used(slot)
    kit.let_pass(LENGTH)
    window.used(slot)
    assert window.take().slot is not None


def test_a_closed_gate_is_closed_to_everybody_and_the_longest_closure_stands(kit):
    kit.window(1).close_for(600)
    kit.window(1).close_for(300)
    turn = kit.window(1).take()
    assert (None, about(600), about(600)) == (turn.slot, turn.wait, turn.closed)
    kit.let_pass(600)
    assert kit.window(1).take().slot is not None


def test_a_databases_next_slot_is_for_who_asked_first_as_long_as_it_comes(
    shared, postgres, database
):
    first, second, third = (shared.window(1) for _ in range(3))
    held = first.take().slot
    second.take(), third.take()
    first.used(held)
    shared.let_pass(LENGTH)
    taken = [one.take().slot for one in (first, third, second)]
    second.unused(taken[-1])
    kept = second.take().slot
    postgres.execute("UPDATE batchcancel.waiting SET until = clock_timestamp()", url=database)

    assert (None, None, True) == (*taken[:2], taken[2] is not None)
    assert kept is None
    assert second.take().slot is not None


def test_what_is_long_over_is_forgotten(shared, postgres, database):
    window = shared.window(5)
    for slot in take_all(window):
        window.used(slot)
    shared.let_pass(24 * 3600 + LENGTH + 1)
    window.take()
    assert [(1,)] == postgres.execute("SELECT count(*) FROM batchcancel.slots", url=database)


@pytest.mark.parametrize("name", ["file", "shared"])
def test_of_many_who_ask_at_once_no_more_have_slots_than_the_limit(request, name):
    kit = request.getfixturevalue(name)
    windows, slots = [kit.window(10) for _ in range(4)], []
    threads = [
        threading.Thread(target=lambda one=one: slots.extend(take_all(one))) for one in windows
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 10 == len(slots) == len(set(slots))

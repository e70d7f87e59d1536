"""Whatever others do while one pages: the manifest is complete, or the exit code says otherwise."""

from datetime import timedelta
from random import Random

import pytest

from batchcancel.reader.search import How
from tests.commands.test_find import DAY, ids, spread
from tests.sample import sampled

pytestmark = [pytest.mark.anyio, pytest.mark.promise(21)]

ALIVE = ("confirmed", "rescheduled")


def alive(world, last=DAY):
    records = world.sandbox.records()
    return {
        one.appointment_id for one in records if one.status in ALIVE and DAY <= one.date <= last
    }


async def find_amid(world, *, last=DAY, **options):
    """Search while others are at work; what was alive all the time, and what ever was."""
    before = alive(world, last)
    deeds = world.sandbox.changes
    finding = await world.find(last=last, **options)
    after = alive(world, last)
    booked = {one for deed, one in world.sandbox.meanwhile.done if deed == "book"}
    found = set(ids(world)) if finding.manifest else set()
    if finding.how is not How.UNPROVED:
        assert before & after <= found <= before | after | booked
    assert len(deeds()) <= 100
    return finding


def disturb(world, seed, *, session=None, pages=12):
    """One is booked and one is cancelled, each after some page, by the seed."""
    random, staff = Random(seed), world.sandbox.staff
    world.sandbox.shuffle(seed)
    victim = random.choice(sorted(alive(world)))
    branch = random.choice(world.sandbox.book.clinic.branch_ids)
    where = session or random.choice(["Morning", "Afternoon", "Evening"])
    world.sandbox.meanwhile.after(
        random.randint(1, pages), lambda: staff.book(DAY, session=where, branch_id=branch)
    )
    world.sandbox.meanwhile.after(random.randint(1, pages), lambda: staff.cancel(victim))


@pytest.mark.parametrize("seed", sampled(range(200), every=100))
async def test_900_of_a_day_shuffled_while_one_is_booked_and_one_cancelled(world, seed):
    spread(world, 900)
    disturb(world, seed)
    finding = await find_amid(world)

    assert How.WHOLE_ANSWERS is finding.how
    assert finding.requests <= 30


@pytest.mark.parametrize("seed", sampled(range(200), every=200))
async def test_900_of_one_session_shuffled_while_one_is_booked_and_one_cancelled(world, seed):
    world.appointments(900)
    disturb(world, seed, session="Morning", pages=40)
    finding = await find_amid(world)

    assert finding.requests <= 75


async def test_a_calendar_that_counts_as_many_is_no_proof_where_somebody_came_meanwhile(world):
    first, *_ = world.appointments(600)
    staff, branch = world.sandbox.staff, world.sandbox.book.clinic.branch_ids[0]
    world.sandbox.meanwhile.after(1, lambda: staff.reschedule(first, DAY + timedelta(days=30)))
    world.sandbox.meanwhile.after(2, lambda: staff.book(DAY, session="Morning", branch_id=branch))
    finding = await find_amid(world)

    assert How.CALENDAR is not finding.how


@pytest.mark.parametrize("is_shuffled", [True, False])
@pytest.mark.parametrize("seed", sampled(range(100), every=100))
async def test_a_week_in_which_much_goes_on(world, seed, is_shuffled):
    last = DAY + timedelta(days=4)
    spread(world, 1000, days=5)
    if is_shuffled:
        world.sandbox.shuffle(seed)
    chances = dict.fromkeys(["book", "cancel", "move", "move_away"], 0.02)
    days = [DAY + timedelta(days=number) for number in range(5)]
    world.sandbox.meanwhile.by_chance(chances, days=days, seed=seed)
    await find_amid(world, last=last)

"""All appointments of a day become a manifest, or it is said that some may be missing."""

import csv
from datetime import date, timedelta

import pytest

from tests.sample import sampled

pytestmark = pytest.mark.anyio

DAY = date(2026, 6, 20)
SESSIONS = ("Morning", "Afternoon", "Evening")


def written(world, name="closure.csv"):
    with (world.folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def ids(world, name="closure.csv"):
    return [row["appointment_id"] for row in written(world, name)]


def spread(world, count, *, days=1, start=0):
    """So many on a day, in every session of two branches in turn."""
    branches = world.sandbox.book.clinic.branch_ids
    names = [f"a{number:05d}" for number in range(start, start + count)]
    for number, name in enumerate(names):
        world.sandbox.add(
            name,
            date=DAY + timedelta(days=number % days),
            branch_id=branches[number // days % len(branches)],
            session=SESSIONS[number // days // len(branches) % 3],
        )
    world.virtual.jump(120)
    return names


@pytest.mark.parametrize("shuffled", [None, 1])
async def test_600_of_a_day_take_at_most_14_requests(world, shuffled):
    names = spread(world, 600)
    if shuffled is not None:
        world.sandbox.shuffle(shuffled)
    finding = await world.find()

    assert names == ids(world)
    assert (0, "WHOLE_ANSWERS") == (finding.exit_code, finding.how.name)
    assert finding.requests <= 14


async def test_600_of_one_session_take_at_most_14_requests(world):
    names = world.appointments(600)
    finding = await world.find()

    assert names == ids(world)
    assert (0, "TWO_PASSES") == (finding.exit_code, finding.how.name)
    assert finding.requests <= 14


@pytest.mark.promise(21)
async def test_600_of_one_session_whose_pages_keep_no_order_are_counted(world):
    names = world.appointments(600)
    world.sandbox.shuffle(3)
    finding = await world.find()

    assert names == ids(world)
    assert (0, "COUNTED") == (finding.exit_code, finding.how.name)
    assert finding.requests <= 54


@pytest.mark.parametrize("shuffled", sampled([None, 1], every=2, first=1))
async def test_10_000_over_20_days_take_at_most_150_requests(world, shuffled):
    names = spread(world, 10_000, days=20)
    if shuffled is not None:
        world.sandbox.shuffle(shuffled)
    finding = await world.find(last=DAY + timedelta(days=19))

    assert names == ids(world)
    assert 0 == finding.exit_code
    assert finding.requests <= 150

"""Two runs at the same time: of one batch, in one ledger, with one key."""

from datetime import timedelta

import anyio
import pytest

from batchcancel.errors import BatchHeld
from batchcancel.sandbox import Fault, Rate
from tests.sample import sampled
from tests.world import BEGIN

pytestmark = pytest.mark.anyio


@pytest.fixture
def two_manifests(world):
    """One clinic's appointments, in two batches."""
    ids = world.appointments(120)
    manifests = []
    for name, part in (("morning", ids[::2]), ("evening", ids[1::2])):
        manifests.append(world.folder / f"{name}.csv")
        rows = [f"{one},2026-06-20T03:30:00Z" for one in part]
        manifests[-1].write_text("\n".join(["appointment_id,starts_at", *rows]) + "\n")
    return manifests


async def at_once(*calls):
    results = []

    async def one(call):
        results.append((await call()).summary)

    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(one, call)
    return results


@pytest.mark.long
@pytest.mark.promise(7)
@pytest.mark.promise(9)
async def test_two_batches_that_share_a_key_share_its_window_and_both_finish(world, two_manifests):
    first, second = two_manifests
    results = await at_once(lambda: world.run(first), lambda: world.run(second))

    assert [(0, 60), (0, 60)] == [(one.exit_code, one.counts["cancelled"]) for one in results]
    assert 0 == world.sandbox.history.rate_limited
    assert world.sandbox.most_arrivals <= 60
    assert max(one.elapsed_s for one in results) < 3 * 60 + 5


@pytest.mark.long
@pytest.mark.promise(8)
async def test_a_run_without_a_rate_obeys_the_gate_that_another_closes(world, two_manifests):
    first, second = two_manifests
    world.new_sandbox(rate=Rate(limit=None))
    world.appointments(120)
    busy = Fault("status", status=429, retry_after=200)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: world.run(first, rate="1/10s"))
        await anyio.sleep(25)
        world.sandbox.faults.add(busy, method="PATCH")
        await anyio.sleep(10)
        arrived = len(world.sandbox.history)
        finished = (await world.run(second, rate="none")).summary
    [next_one, *_] = world.sandbox.history.arrivals[arrived:]

    assert 0 == finished.exit_code
    assert next_one.at - BEGIN >= timedelta(seconds=120 + 120 + 30 + 200)


@pytest.mark.promise(8)
@pytest.mark.promise(9)
async def test_two_batches_that_share_a_key_and_no_window_wait_out_every_429(world, two_manifests):
    first, second = two_manifests
    nowhere = first / "state"
    results = await at_once(
        lambda: world.run(first, state_dir=nowhere), lambda: world.run(second, state_dir=nowhere)
    )

    assert [(0, 60), (0, 60)] == [(one.exit_code, one.counts["cancelled"]) for one in results]
    assert sum(one.rate_limited for one in results) == world.sandbox.history.rate_limited > 0
    assert world.sandbox.most_accepted <= 60


@pytest.mark.promise(10)
async def test_a_second_batch_in_the_ledger_of_a_run_is_refused_with_6_and_sends_nothing(
    world, two_manifests
):
    first, second = two_manifests
    shared = world.folder / "shared.ledger.db"
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: world.run(first, ledger=shared, rate="10/60s"))
        await anyio.sleep(30)
        arrived = len(world.sandbox.history)
        with pytest.raises(BatchHeld) as held:
            await world.run(second, ledger=shared)
        assert (6, arrived) == (held.value.exit_code, len(world.sandbox.history))

    assert 0 == (await world.run(second, ledger=shared)).summary.exit_code


@pytest.mark.promise(8)
@pytest.mark.parametrize("asked", sampled(["0", "1", "20"], every=3))
async def test_a_storm_of_429_is_weathered_by_everybody(world, asked):
    ids = world.appointments(40)
    storm = Fault("status", status=429, retry_after=asked)
    world.sandbox.faults.add(storm, method="PATCH", times=30)
    finished = (await world.run(world.manifest(ids), max_attempts=31)).summary

    assert (0, 40, 30) == (finished.exit_code, finished.counts["cancelled"], finished.rate_limited)
    assert world.sandbox.most_arrivals <= 60


@pytest.mark.long
@pytest.mark.promise(9)
async def test_an_outage_of_every_kind_in_turn_is_outlived(world):
    ids = world.appointments(60)
    troubles = ("reset", "hang", "html", "empty", "truncated", "drip", "late", "late_reset")
    for name in (*troubles, "slow", "broken_json", "wrong_status"):
        world.sandbox.faults.add(Fault(name, seconds=3), method="PATCH", times=2)
    for status in (500, 502, 503, 504, 408):
        world.sandbox.faults.add(Fault("status", status=status), method="PATCH", times=2)
    finished = (await world.run(world.manifest(ids), max_attempts=33)).summary

    assert (0, 60) == (finished.exit_code, finished.counts["cancelled"])
    cancelled = [one.appointment_id for one in world.sandbox.changes()]
    assert sorted(cancelled) == ids

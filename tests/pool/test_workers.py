"""What the workers do when rows fail, when the run stops, and when the program itself is wrong."""

import anyio
import pytest

from batchcancel.errors import Interrupted
from batchcancel.events import RowEnded
from batchcancel.sandbox import Fault
from batchcancel.stop import Stop

pytestmark = pytest.mark.anyio


async def test_a_row_that_proves_life_ends_the_row_of_failures(world):
    known = world.appointments(4)
    unknown = [f"{one}-{letter}" for one in known for letter in "xy"]  # each after its namesake
    finished = await world.run(world.manifest(known + unknown), concurrency=1, halt_after=3)
    counts = finished.summary.counts
    assert (4, 4, 8) == (finished.summary.exit_code, counts["cancelled"], counts["not_found"])


async def test_failures_in_a_row_stop_the_run_at_just_so_many(world):
    manifest = world.manifest(world.appointments(6))
    world.sandbox.faults.add(Fault("status", status=409), method="PATCH", times=3, skip=1)
    finished = await world.run(manifest, concurrency=1, halt_after=3)
    counts = finished.summary.counts
    assert (5, 1, 0, 5) == (
        finished.summary.exit_code,
        counts["cancelled"],
        counts["refused"],
        counts.waiting,
    )
    assert 3 == sum(one.name == "refused" for one in world.watching.outcomes.values())


@pytest.mark.promise(11)
async def test_what_has_left_is_waited_for_three_seconds_and_no_longer(world):
    manifest, stop = world.manifest(world.appointments(1)), Stop()
    world.sandbox.faults.add(Fault("hang"), method="PATCH")

    async def signal():
        while not world.sandbox.history.patches():  # noqa: ASYNC110 - the sandbox tells nobody
            await anyio.sleep(0.01)
        stopped_at.append(anyio.current_time())
        stop.ask(Interrupted(15))

    stopped_at = []
    async with anyio.create_task_group() as group:
        group.start_soon(signal)
        finished = await world.run(manifest, stop=stop)
    assert 143 == finished.summary.exit_code
    assert 3.0 == pytest.approx(anyio.current_time() - stopped_at[0])


async def test_a_defect_met_by_a_worker_stops_the_run_and_is_told(world):
    def broken(event):
        if isinstance(event, RowEnded):
            raise ZeroDivisionError

    world.watching = broken
    finished = await world.run(world.manifest(world.appointments(30)), concurrency=1)
    counts = finished.summary.counts
    assert (1, 1, 29) == (finished.summary.exit_code, counts["cancelled"], counts.waiting)


async def test_every_outcome_is_told_to_who_watches(world):
    ids = world.appointments(3)
    await world.run(world.manifest([*ids, "unknown"]))
    told = {one: outcome.name for one, outcome in world.watching.outcomes.items()}
    assert dict.fromkeys(ids, "cancelled") | {"unknown": "not_found"} == told

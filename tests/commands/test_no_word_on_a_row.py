"""Answers that are not the API's word on a row: they settle none, whatever their status."""

import json
from collections import Counter

import anyio
import httpx
import pytest

from batchcancel.sandbox import Fault, Rate
from tests.world import ended

pytestmark = pytest.mark.anyio

FIREWALLS = Fault("status", status=403, foreign=True)
CREDITS_USED_UP = Fault("status", status=402)
TURNED_AWAY = Fault("status", status=429, retry_after=1)


class Gateway(httpx.AsyncBaseTransport):
    """A gateway that has lost the way to the API, and says so in JSON to every PATCH."""

    def __init__(self, inner):
        self._inner = inner

    async def handle_async_request(self, request):
        if request.method != "PATCH":
            return await self._inner.handle_async_request(request)
        body = json.dumps({"message": "no Route matched with those values"}).encode()
        return httpx.Response(404, stream=httpx.ByteStream(body))


def cancelled_once_each(world):
    ours = Counter(one.appointment_id for one in world.sandbox.changes() if one.who == "api")
    return set(ours.values()) == {1}


@pytest.mark.promise(3)
async def test_a_firewall_that_goes_away_leaves_nothing_behind(world):
    manifest = world.manifest(world.appointments(40))
    for nth in range(1, 40):  # every second PATCH
        world.sandbox.faults.add(FIREWALLS, method="PATCH", skip=nth)
    behind = await world.run(manifest, max_attempts=1, concurrency=1)
    world.sandbox.faults.clear()
    finished = await world.run(manifest, max_attempts=1, concurrency=1)
    assert (4, {"cancelled": 20, "gave_up": 20}) == ended(behind)
    assert (0, {"cancelled": 40}) == ended(finished)
    assert cancelled_once_each(world)


async def test_a_firewall_that_strikes_every_second_request_is_outlasted(world):
    manifest = world.manifest(world.appointments(40))
    for nth in range(1, 80):
        world.sandbox.faults.add(FIREWALLS, method="PATCH", skip=nth)
    finished = await world.run(manifest, max_attempts=9)
    assert (0, {"cancelled": 40}) == ended(finished)


@pytest.mark.promise(16)
async def test_when_credits_are_used_up_the_run_stops_and_the_same_command_goes_on(world):
    manifest = world.manifest(world.appointments(40))
    world.sandbox.faults.add(CREDITS_USED_UP, method="PATCH", skip=10, times=None)
    stopped = await world.run(manifest)
    sent = len(world.sandbox.history.patches())
    world.sandbox.faults.clear()
    finished = await world.run(manifest)
    assert (5, 10) == (stopped.summary.exit_code, stopped.summary.counts["cancelled"])
    assert "credits or a quota are used up (PAYMENT_REQUIRED)" in stopped.reason.message
    assert "00:00 UTC" in stopped.reason.hint
    assert sent <= 10 + 8  # each worker may have one under way
    assert (0, {"cancelled": 40}) == ended(finished)
    assert cancelled_once_each(world)


@pytest.mark.promise(3)
async def test_a_gateway_that_lost_the_way_settles_nothing(world):
    manifest = world.manifest(world.appointments(40))
    clear = world.transport
    world.transport = lambda: Gateway(clear())
    halted = await world.run(manifest, max_attempts=2)
    world.transport = clear
    finished = await world.run(manifest)
    counts = halted.summary.counts
    assert (5, 0, 0) == (halted.summary.exit_code, counts["not_found"], counts["refused"])
    assert (0, {"cancelled": 40}) == ended(finished)


@pytest.mark.long
@pytest.mark.promise(9)
async def test_a_key_that_another_program_uses_up_for_long_stops_the_run_and_no_row_is_given_up(
    world,
):
    world.new_sandbox(rate=Rate(limit=None))
    manifest = world.manifest(world.appointments(40))
    world.sandbox.faults.add(TURNED_AWAY, method="PATCH", skip=10, times=None)
    began = anyio.current_time()
    stopped = await world.run(manifest)
    took = anyio.current_time() - began
    world.sandbox.faults.clear()
    finished = await world.run(manifest)
    assert (5, {"cancelled": 10, "waiting": 30}) == ended(stopped)
    assert "does another program use this key" in stopped.reason.message
    assert 300 < took < 420
    assert (0, {"cancelled": 40}) == ended(finished)
    assert cancelled_once_each(world)


async def test_a_key_that_another_program_uses_up_for_a_while_costs_time_and_nothing_else(world):
    world.new_sandbox(rate=Rate(limit=None))
    manifest = world.manifest(world.appointments(10))
    world.sandbox.faults.add(TURNED_AWAY, method="PATCH", times=200)
    finished = await world.run(manifest, max_attempts=1, concurrency=1)
    assert (0, 200) == (finished.summary.exit_code, finished.summary.rate_limited)

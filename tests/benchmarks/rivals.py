"""What other ways to do it come to, against the same strict sandbox and the same network.

300 requests, a network of 100 to 300 ms, virtual time; the floor is 240 s for everybody. The
program spends some of them on looking first, and cancels so many appointments less. Every rival is
the code that people write: one coroutine over httpx, no ledger, nothing to resume from.
"""

from collections.abc import Iterator
from random import Random

import anyio
import httpx

from batchcancel.sandbox import FULL_KEY
from tests.benchmarks.floor import floor_seconds, rows_of
from tests.benchmarks.table import Line
from tests.benchmarks.virtual import RATE, Contender, FarWorld, Latency, Seen, batchcancel, contend

TOO_MANY = 429


def measure(rows: int | None) -> Iterator[Line]:
    requests = rows or 300
    floor = floor_seconds(requests, RATE)
    for what, contender in RIVALS.items():
        count = rows_of(requests) if contender is batchcancel else requests
        seen = contend(contender, rows=count, latency=_network())
        yield Line(what=what, measured=_measured(seen, floor))


def _network() -> Latency:
    random = Random(1)
    return lambda: random.uniform(0.1, 0.3)


def _measured(seen: Seen, floor: float) -> str:
    ratio = f" ({seen.seconds / floor:.3f})" if floor else ""
    return (
        f"{seen.cancelled} cancelled, {seen.lost} lost, {seen.refused} x 429, "
        f"{seen.seconds:,.0f} s{ratio}"
    )


class Client:
    """PATCH, as the documentation shows it."""

    def __init__(self, world: FarWorld) -> None:
        self._http = httpx.AsyncClient(
            transport=world.transport(), headers={"Authorization": f"Bearer {FULL_KEY}"}
        )

    async def patch(self, appointment_id: str) -> httpx.Response:
        url = f"http://localhost/v1/appointments/{appointment_id}"
        return await self._http.patch(url, json={"status": "cancelled"})

    async def patch_until_taken(self, appointment_id: str) -> None:
        response = await self.patch(appointment_id)
        while response.status_code == TOO_MANY:
            await anyio.sleep(float(response.headers["retry-after"]))
            response = await self.patch(appointment_id)

    async def patch_all(self, ids: list[str]) -> None:
        async with anyio.create_task_group() as group:
            for one in ids:
                group.start_soon(self.patch, one)


async def documented_loop(world: FarWorld, ids: list[str]) -> None:
    """One after another; nobody looks at the answers."""
    client = Client(world)
    for one in ids:
        await client.patch(one)


async def obedient_loop(world: FarWorld, ids: list[str]) -> None:
    """One after another; a 429 waits as long as it says and tries again."""
    client = Client(world)
    for one in ids:
        await client.patch_until_taken(one)


async def even_pacing(world: FarWorld, ids: list[str]) -> None:
    """One begins every second, whether the last was answered or not."""
    client = Client(world)
    async with anyio.create_task_group() as group:
        for one in ids:
            group.start_soon(client.patch, one)
            await anyio.sleep(1.0)


async def batches_at_once(world: FarWorld, ids: list[str]) -> None:
    """60 at the same time, then a minute's pause."""
    client = Client(world)
    for first in range(0, len(ids), 60):
        if first:
            await anyio.sleep(60.0)
        await client.patch_all(ids[first : first + 60])


async def batches_in_turn(world: FarWorld, ids: list[str]) -> None:
    """60 one after another, then a minute's pause."""
    client = Client(world)
    for number, one in enumerate(ids):
        if number and number % 60 == 0:
            await anyio.sleep(60.0)
        await client.patch(one)


async def token_bucket(world: FarWorld, ids: list[str]) -> None:
    """8 workers; 60 tokens, one more every second; a 429 waits and takes another token."""
    client, left, tokens = Client(world), iter(ids), anyio.Semaphore(60, max_value=60)

    async def refill() -> None:
        while True:
            await anyio.sleep(1.0)
            if tokens.value < 60:
                tokens.release()

    async def work() -> None:
        for one in left:
            await tokens.acquire()
            while (response := await client.patch(one)).status_code == TOO_MANY:
                await anyio.sleep(float(response.headers["retry-after"]))
                await tokens.acquire()

    async with anyio.create_task_group() as everything:
        everything.start_soon(refill)
        async with anyio.create_task_group() as workers:
            for _ in range(8):
                workers.start_soon(work)
        everything.cancel_scope.cancel()


RIVALS: dict[str, Contender] = {
    "batchcancel": batchcancel,
    "the documentation's loop, errors ignored": documented_loop,
    "a loop that obeys Retry-After": obedient_loop,
    "even pacing, 1 a second": even_pacing,
    "60 at once, pause of 60 s": batches_at_once,
    "60 in turn, pause of 60 s": batches_in_turn,
    "token bucket (60, 1/s), obeys Retry-After": token_bucket,
}

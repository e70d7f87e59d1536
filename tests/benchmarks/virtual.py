"""Contenders against the strict sandbox in process, on virtual time and a slow network."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import httpx
from trio.testing import MockClock

from batchcancel.sandbox import Rate
from tests.benchmarks.floor import floor_seconds
from tests.world import Delayed, World

RATE = Rate(limit=60, seconds=60.0)

Latency = Callable[[], float]
Contender = Callable[["FarWorld", list[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one contender came to; `seconds` last until its last answer, and `most` is the most
    requests, refused ones included, that the server saw in any window.
    """

    requests: int
    refused: int
    most: int
    cancelled: int
    lost: int
    seconds: float

    @property
    def floor(self) -> float:
        """The least time for the requests that were not refused."""
        return floor_seconds(self.requests - self.refused, RATE)


class FarWorld(World):
    """A world whose network takes `latency` seconds for a request and its answer together."""

    def __init__(self, folder: Path, virtual: MockClock, latency: Latency) -> None:
        super().__init__(folder, virtual)
        self._latency = latency
        self.new_sandbox(rate=RATE)

    def transport(self) -> httpx.AsyncBaseTransport:
        return Delayed(super().transport(), self._latency)


async def batchcancel(world: FarWorld, ids: list[str]) -> None:
    """The real program, which asks for the organisation's settings first: one request more."""
    await world.run(world.manifest(ids), rate="60/60s", notice_hours=0)


def contend(contender: Contender, *, rows: int, latency: Latency) -> Seen:
    """Let one contender cancel so many appointments; virtual time makes hours take seconds."""
    virtual = MockClock(autojump_threshold=0)

    async def main(folder: str) -> Seen:
        world = FarWorld(Path(folder), virtual, latency)
        ids = world.appointments(rows)
        began = virtual.current_time()
        await contender(world, ids)
        return _seen(world, rows, seconds=virtual.current_time() - began)

    with TemporaryDirectory() as folder:
        return anyio.run(main, folder, backend="trio", backend_options={"clock": virtual})


def _seen(world: FarWorld, rows: int, *, seconds: float) -> Seen:
    sandbox = world.sandbox
    cancelled = len(sandbox.records(status="cancelled"))
    return Seen(
        requests=len(sandbox.history),
        refused=sandbox.history.rate_limited,
        most=sandbox.most_arrivals,
        cancelled=cancelled,
        lost=rows - cancelled,
        seconds=seconds,
    )

"""How many requests a closed day costs, from its date alone, beside a read and a PATCH for each.

Virtual time; two branches with three sessions each, once with pages that keep their order and once
with pages that keep none.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from trio.testing import MockClock

from tests.benchmarks.table import Line
from tests.commands.test_find import spread
from tests.world import World


def measure(rows: int | None) -> Iterator[Line]:
    count = rows or 600
    for order, seed, more in (("in order", None, 20), ("shuffled", 1, 60)):
        found, ran = _closure(count, seed)
        bar = count + count // 100 + more
        yield Line(
            what=f"find and run {count:,}, pages {order}",
            measured=f"{found} + {ran:,} requests; read-then-patch {2 * count:,}",
            bar=f"<= {bar:,}",
            is_met=found + ran <= bar,
        )


def _closure(rows: int, seed: int | None) -> tuple[int, int]:
    virtual = MockClock(autojump_threshold=0)

    async def main(folder: str) -> tuple[int, int]:
        world = World(Path(folder), virtual)
        spread(world, rows)
        if seed is not None:
            world.sandbox.shuffle(seed)
        finding = await world.find()
        finished = await world.run(world.folder / "closure.csv", notice_hours=0)
        assert finished.summary.counts["cancelled"] == rows
        return finding.requests, finished.summary.requests

    with TemporaryDirectory() as folder:
        return anyio.run(main, folder, backend="trio", backend_options={"clock": virtual})

"""A seed, lived through: scenario in, verdict out."""

import importlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from unittest import mock

import trio
from trio.testing import MockClock

from batchcancel.commands import plan
from batchcancel.huskyvoice import lookup
from batchcancel.policy import fresh, pages
from batchcancel.reader import search
from batchcancel.reader.manifest import Manifest
from batchcancel.reader.read import read_manifest
from tests.schedule import deterministic
from tests.simulation.account import Standing
from tests.simulation.draw import draw
from tests.simulation.oracle import Broken
from tests.simulation.scenario import Mode, Scenario
from tests.simulation.story import Story
from tests.simulation.trace import Trace
from tests.simulation.watchdog import HungError, within
from tests.simulation.world import World

REAL_SECONDS = 30.0
Read = Callable[..., Manifest]
CHECKS = [
    importlib.import_module(f"tests.simulation.{one.stem}")
    for pattern in ("checks_*.py", "sights*.py")
    for one in sorted(Path(__file__).parent.glob(pattern))
]
"""Importing them is what makes the oracle look."""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What became of a seed."""

    seed: int
    broken: list[Broken] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    trace: str = ""
    rows: Mapping[str, Standing] = field(default_factory=dict)
    statuses: Mapping[str, str | None] = field(default_factory=dict)
    processes: int = 0


def simulate(seed: int) -> Verdict:
    """Live a seed through, twice when its end is to be that of the same seed without crashes."""
    scenario, read = draw(seed), _reading_once()
    verdict = live(scenario, read)
    if scenario.mode is Mode.EQUIVALENCE and not verdict.broken:
        unharmed = live(scenario.without_crashes(), read)
        verdict.broken += unharmed.broken
        if unharmed.broken:
            verdict.trace = unharmed.trace
        verdict.broken += _differences(verdict, unharmed)
    return verdict


def live(scenario: Scenario, read: Read) -> Verdict:
    """Live one scenario through, in bounded real time."""
    verdict = Verdict(seed=scenario.seed)
    worlds: list[World] = []
    try:
        with within(REAL_SECONDS), _folder() as folder, _patched(scenario, read):
            clock = MockClock(autojump_threshold=0)
            trio.run(_main, scenario, folder, clock, worlds, clock=clock)
    except (Exception, HungError, BaseExceptionGroup) as error:  # noqa: BLE001 - the seed tells
        verdict.broken.append(_fallen(error))
    for world in worlds:
        _fill(verdict, world)
    return verdict


async def _main(scenario: Scenario, folder: Path, clock: MockClock, worlds: list[World]) -> None:
    async with trio.open_nursery() as nursery:
        world = World(scenario, folder=folder, nursery=nursery, clock=clock)
        worlds.append(world)
        await Story(world, nursery).tell()
        nursery.cancel_scope.cancel()


@contextmanager
def _patched(scenario: Scenario, read: Read) -> Iterator[None]:
    """What depends on the seed alone, with pages as small and observations as old as it says."""
    with (
        deterministic(scenario.seed),
        mock.patch.object(plan, "read_manifest", read),
        mock.patch.object(lookup, "PAGE", scenario.page),
        mock.patch.object(pages, "PAGE", scenario.page),
        mock.patch.object(search, "PAGE", scenario.page),
        mock.patch.object(fresh, "OLD", timedelta(seconds=scenario.old)),
    ):
        yield


def _reading_once() -> Read:
    """Most processes find the same file: reading it once is enough, and reading is a third."""
    known: dict[object, Manifest] = {}

    def read(path: str, **how: object) -> Manifest:
        key = Path(path).read_text(), *how.values()
        return known.get(key) or known.setdefault(key, read_manifest(path, **how))

    return read


@contextmanager
def _folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    where = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=where) as folder:
        yield Path(folder)


def _fallen(error: BaseException) -> Broken:
    return Broken(
        promise=9 if "HungError" in repr(error) else 16,
        check="simulation",
        sentence="A simulation ends by itself.",
        detail=repr(error),
    )


def _fill(verdict: Verdict, world: World) -> None:
    verdict.broken += world.oracle.broken
    verdict.seen += world.oracle.seen
    trace: Trace = world.trace
    verdict.trace += trace.text()
    verdict.rows = world.account.rows
    known = {record.appointment_id: record.status for record in world.sandbox.records()}
    verdict.statuses = {one: known.get(one) for one in world.rows}


def _differences(killed: Verdict, unharmed: Verdict) -> Iterator[Broken]:
    for one, status in unharmed.statuses.items():
        if status is None and "open" in (killed.rows[one].state, unharmed.rows[one].state):
            continue  # a request for what there never was: nothing can prove what became of it
        with_crashes = (killed.statuses[one], killed.rows.get(one))
        without = (status, unharmed.rows.get(one))
        if with_crashes != without:
            yield Broken(
                promise=12,
                check="crash_equivalence",
                sentence="Killed anywhere and run again, a batch ends as if never killed.",
                detail=f"{one} ends as {with_crashes}, and without crashes as {without}",
            )

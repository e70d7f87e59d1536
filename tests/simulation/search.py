"""Many seeds, in several processes; what they broke, and what they have seen."""

import gc
import multiprocessing
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.simulation import checks_people, checks_undo, sights, sights_observed
from tests.simulation.simulation import Verdict, simulate

SOMETIMES = (
    *sights.SOMETIMES,
    *sights_observed.SOMETIMES_OBSERVED,
    *checks_people.SOMETIMES_PEOPLE,
    *checks_undo.SOMETIMES_UNDOING,
)
CHUNK = 20
SHOWN_LINES = 40
ENOUGH_FOR_ALL_SIGHTS = 400


@dataclass(slots=True, kw_only=True)
class Found:
    """The verdicts of a search, added up; only those of broken seeds are kept whole."""

    seeds: int = 0
    seconds: float = 0.0
    broken: list[Verdict] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def never_seen(self) -> list[str]:
        """What should have come up; a short search is not blamed."""
        if self.seeds < ENOUGH_FOR_ALL_SIGHTS:
            return []
        return [one for one in SOMETIMES if not self.seen[one]]

    @property
    def is_good(self) -> bool:
        return not self.broken and not self.never_seen


def search(
    begin: int, seeds: int, *, jobs: int, say: Callable[[str], None] = lambda _line: None
) -> Found:
    """Live through `seeds` seeds from `begin` on; `say` is told of progress and of breaches."""
    found, started, told = Found(), time.monotonic(), time.monotonic()
    for verdict in _verdicts(range(begin, begin + seeds), jobs):
        found.seeds += 1
        # Each seed counts once: how often a thing was seen in it tells little.
        found.seen.update(set(verdict.seen))
        if verdict.broken:
            found.broken.append(verdict)
            say(describe(verdict))
        if time.monotonic() - told > 10:
            told = time.monotonic()
            pace = found.seeds / (told - started)
            say(f"{found.seeds} of {seeds} seeds, {len(found.broken)} broken, {pace:.1f} a second")
    found.seconds = time.monotonic() - started
    return found


def describe(verdict: Verdict) -> str:
    """The broken promises, how it came to that, and how to see it again."""
    tail = "\n".join(verdict.trace.splitlines()[-SHOWN_LINES:])
    promises = "\n".join(f"BROKEN {broken}" for broken in verdict.broken)
    again = f"python -m tests.simulation --seed {verdict.seed} --trace"
    return f"{tail}\n{promises}\nreplay: {again}\n"


def report(found: Found) -> str:
    """The end of a search, for people."""
    seen = "\n".join(f"  {found.seen[one]:7}  {one}" for one in SOMETIMES)
    broken = "\n".join(
        f"  seed {one.seed}: promise {one.broken[0].promise}, {one.broken[0].check}"
        for one in sorted(found.broken, key=lambda verdict: verdict.seed)
    )
    never = "".join(f"\nnever seen: {one}" for one in found.never_seen)
    head = f"{found.seeds} seeds in {found.seconds:.0f} s, {len(found.broken)} broken"
    return f"{head}\nseeds that saw\n{seen}{never}" + (f"\nbroken\n{broken}" if broken else "")


def _verdicts(seeds: range, jobs: int) -> Iterator[Verdict]:
    if jobs == 1:
        _prepare()
        yield from map(_verdict, seeds)
        return
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    spawn = multiprocessing.get_context("spawn")  # threads of polars do not survive a fork
    with spawn.Pool(jobs, initializer=_prepare_process) as pool:
        yield from pool.imap_unordered(_verdict, seeds, chunksize=min(CHUNK, 1 + len(seeds) // 20))


def _prepare() -> None:
    # A body that is cut leaves httpx's inner generators to the collector; trio says so.
    warnings.filterwarnings("ignore", category=ResourceWarning)


def _prepare_process() -> None:
    _prepare()
    gc.collect()
    gc.freeze()  # what is imported stays, and looking it through for garbage costs a tenth
    gc.set_threshold(50_000, 20, 20)


def _verdict(seed: int) -> Verdict:
    verdict = simulate(seed)
    if not verdict.broken:
        verdict.trace = ""
    return verdict

"""How long `batchcancel --help` takes as a process, beside an interpreter that does nothing."""

import sys
from collections.abc import Iterator

from tests.benchmarks.processes import COMMAND, Ended, timed
from tests.benchmarks.table import Line

LONGEST = 0.150
_REPEATS = 10


def measure() -> Iterator[Line]:
    """Take turns, and the best of ten each: what disturbs a process only makes it slower."""
    commands = {"help": [COMMAND, "--help"], "python": [sys.executable, "-c", "pass"]}
    taken: dict[str, list[Ended]] = {name: [] for name in commands}
    for _ in range(_REPEATS):
        for name, command in commands.items():
            taken[name].append(timed(command))
    best = {name: min(one.seconds for one in ended) for name, ended in taken.items()}
    cpu = min(one.cpu for one in taken["help"])
    yield Line(
        what="batchcancel --help, best of 10",
        measured=f"{1000 * best['help']:.0f} ms, {1000 * cpu:.0f} of them CPU; "
        f"python -c pass {1000 * best['python']:.0f} ms",
        bar=f"<= {1000 * LONGEST:.0f} ms",
        is_met=best["help"] <= LONGEST,
    )

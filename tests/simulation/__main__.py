"""A deterministic simulation of batchcancel, in the manner of FoundationDB's and TigerBeetle's.

A seed draws a scenario: manifest, rules, rates, faults of the server, the network and the disk,
crashes, signals, clocks, and other people. The program's own reader, policy, planning, pool,
limiter, client, writer and SQLite ledger live through it against the sandbox on virtual time, and
an oracle holds what it saw against the promises.

    python -m tests.simulation --seeds 100000 --jobs 2   search on
    python -m tests.simulation --seed 4711 --trace       live one seed through again
"""

import argparse
import os
import sys

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # small frames: threads only cost

from tests.simulation.search import report, search
from tests.simulation.simulation import simulate


def main() -> int:
    options = _options()
    if options.seed is not None:
        verdict = simulate(options.seed)
        if options.trace:
            print(verdict.trace, end="")
        for broken in verdict.broken:
            print(f"BROKEN {broken}")
        print(f"seed {options.seed}: {len(verdict.broken)} promises broken")
        return int(bool(verdict.broken))
    found = search(options.begin, options.seeds, jobs=options.jobs, say=_say)
    print(report(found))
    return int(not found.is_good)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds to live through")
    parser.add_argument("--begin", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes beside each other")
    parser.add_argument("--seed", type=int, help="one seed only")
    parser.add_argument("--trace", action="store_true", help="print all that happened in it")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

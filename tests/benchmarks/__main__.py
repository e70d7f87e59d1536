"""Measure batchcancel against its bars and print one table.

python -m tests.benchmarks                      everything, some minutes
python -m tests.benchmarks pacing throughput    only these
python -m tests.benchmarks million --rows 1000  smaller or larger than usual

A missed bar is shown as NO and is no failure: the exit code is 0 unless something broke.
Run it from the root of the checkout; only the loopback interface is used.
"""

import argparse
import os
import platform
from collections.abc import Callable, Iterator

from tests.benchmarks import closure, million, pacing, restart, rivals, startup, throughput
from tests.benchmarks.table import Line, print_header, print_line

Benchmark = Callable[[argparse.Namespace], Iterator[Line]]

BENCHMARKS: dict[str, Benchmark] = {
    "pacing": lambda options: pacing.measure(options.rows),
    "rivals": lambda options: rivals.measure(options.rows),
    "closure": lambda options: closure.measure(options.rows),
    "restart": lambda options: restart.measure(options.rows),
    "throughput": lambda options: throughput.measure(
        options.rows, rounds=options.rounds, server=options.server
    ),
    "million": lambda options: million.measure(options.rows),
    "startup": lambda _options: startup.measure(),
}


def main() -> None:
    options = _options()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print_header()
    for name in options.names or BENCHMARKS:
        for line in BENCHMARKS[name](options):
            print_line(name, line)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rows", type=int, help="Rows of the manifest, instead of the usual")
    parser.add_argument("--rounds", type=int, default=5, help="Rounds of throughput")
    parser.add_argument(
        "--server", choices=("nginx", "raw"), help="Who answers throughput  [nginx if installed]"
    )
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    return options


if __name__ == "__main__":
    main()

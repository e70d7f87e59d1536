"""Requests a second without a rate limit, against a server that costs nothing.

The program, a bare loop over the same clients and the documentation's loop take turns, so that
whatever else the machine does disturbs all of them; each ratio is the median over the rounds.
The program runs in this process through its wiring, with 32 workers and its ledger on disk.
Start-up, planning and enrolment are left out: they are measured by `million` and `startup`.
"""

from collections.abc import Iterator
from statistics import median

from tests.benchmarks.contenders import bare_loop, documented_client, documented_loop, program
from tests.benchmarks.free_server import free_server, usual_server
from tests.benchmarks.table import Line

OF_BARE = 0.60
OF_DOCUMENTED = 2.0
_FEWER = 8
"""The documentation's loop gets a share of the rows: it is slow, and its rate is the same."""


def measure(rows: int | None, *, rounds: int, server: str | None) -> Iterator[Line]:
    kind = server or usual_server()
    ids = [f"appt_{number:06d}" for number in range(rows or 4000)]
    few = ids[: max(len(ids) // _FEWER, 1)]
    ours, bare, documented = [], [], []
    with free_server(kind) as base_url:
        bare_loop(base_url, few)  # warms up what both share
        for _ in range(rounds):
            ours.append(len(ids) / program(base_url, ids))
            bare.append(len(ids) / bare_loop(base_url, ids))
            documented.append(len(few) / documented_loop(base_url, few))
    yield Line(what=f"32 workers, no limit, {kind}", measured=f"{median(ours):,.0f} requests/s")
    yield _against(f"against a bare loop ({kind})", ours, bare, bar=OF_BARE)
    with_client = f"against {documented_client()}.patch one by one ({kind})"
    yield _against(with_client, ours, documented, bar=OF_DOCUMENTED)


def _against(what: str, ours: list[float], theirs: list[float], *, bar: float) -> Line:
    ratios = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Line(
        what=what,
        measured=f"{median(ratios):.2f} of {median(theirs):,.0f} requests/s "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})",
        bar=f">= {bar:.2f}",
        is_met=median(ratios) >= bar,
    )

"""Requests a second without a rate limit, against a server that costs nothing.

The program, a bare loop over the same clients and the documentation's loop take turns, so that
whatever else the machine does disturbs all of them; each ratio is the median over the rounds.
The program runs in this process through its wiring, with 32 workers and its ledger on disk.
Start-up, planning and enrolment are left out: they are measured by `million` and `startup`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from tests.benchmarks.contenders import bare_loop, documented_client, documented_loop, program
from tests.benchmarks.free_server import free_server, usual_server
from tests.benchmarks.table import Line

OF_BARE = 0.60
OF_DOCUMENTED = 2.0
_FEWER = 8
"""The documentation's loop gets a share of the rows: it is slow, and its rate is the same."""

_AWAY = 0.010
"""For comparison, a network that is still quick: what waits in turn pays it for every request."""


@dataclass(frozen=True, slots=True)
class _Rates:
    """Requests a second, round by round."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    documented: list[float] = field(default_factory=list)


def measure(rows: int | None, *, rounds: int, server: str | None) -> Iterator[Line]:
    kind = server or usual_server()
    ids = [f"appt_{number:06d}" for number in range(rows or 2000)]
    client = f"{documented_client()}.patch one by one"
    with free_server(kind) as base_url:
        here = _take_turns(base_url, ids, rounds=rounds)
    yield Line(
        what=f"32 workers, no limit, {kind}", measured=f"{median(here.ours):,.0f} requests/s"
    )
    yield _against(f"against a bare loop ({kind})", here.ours, here.bare, bar=OF_BARE)
    yield _against(f"against {client} ({kind})", here.ours, here.documented, bar=OF_DOCUMENTED)
    with free_server("raw", delay=_AWAY) as base_url:
        away = _take_turns(base_url, ids, rounds=rounds)
    far = f"{1000 * _AWAY:.0f} ms away"
    yield _against(f"against a bare loop, {far}", away.ours, away.bare)
    yield _against(f"against {client}, {far}", away.ours, away.documented)


def _take_turns(base_url: str, ids: list[str], *, rounds: int) -> _Rates:
    few = ids[: max(len(ids) // _FEWER, 1)]
    rates = _Rates()
    bare_loop(base_url, few)  # warms up what all share
    for _ in range(rounds):
        rates.ours.append(len(ids) / program(base_url, ids))
        rates.bare.append(len(ids) / bare_loop(base_url, ids))
        rates.documented.append(len(few) / documented_loop(base_url, few))
    return rates


def _against(
    what: str, ours: list[float], theirs: list[float], *, bar: float | None = None
) -> Line:
    ratios = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Line(
        what=what,
        measured=f"{median(ratios):.2f} of {median(theirs):,.0f} requests/s "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f})",
        bar="" if bar is None else f">= {bar:.2f}",
        is_met=None if bar is None else median(ratios) >= bar,
    )

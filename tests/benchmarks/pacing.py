"""How close the whole program comes to the floor, on virtual time.

Manifest, ledger, limiter and client are the real ones; the sandbox answers in process after
200 ms. The time is that of the whole run, from reading the manifest to the last answer.
"""

from collections.abc import Iterator

from tests.benchmarks.floor import rows_of
from tests.benchmarks.table import Line
from tests.benchmarks.virtual import RATE, Seen, batchcancel, contend

SLOWEST = 545 / 540
"""The bar for 600 requests, as a share of their floor."""


def measure(rows: int | None) -> Iterator[Line]:
    for count in (rows,) if rows else (rows_of(600), 10_000):
        yield _line(contend(batchcancel, rows=count, latency=lambda: 0.2))


def _line(seen: Seen) -> Line:
    allowed = seen.floor * SLOWEST
    return Line(
        what=f"{seen.requests:,} requests at 60/60s, 200 ms each",
        measured=f"{seen.seconds:,.1f} s, {_ratio(seen)}; {seen.refused} x 429, "
        f"<= {seen.most} a window",
        bar=f"<= {allowed:,.0f} s, no 429",
        is_met=(
            seen.seconds <= allowed
            and seen.refused == 0
            and seen.most <= RATE.limit
            and seen.lost == 0
        ),
    )


def _ratio(seen: Seen) -> str:
    return f"{seen.seconds / seen.floor:.4f} of {seen.floor:,.0f} s" if seen.floor else "floor 0 s"

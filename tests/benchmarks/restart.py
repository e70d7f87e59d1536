"""The real command over a socket, in real time: undisturbed, and killed half way and resumed.

60 requests per 6 s, measured at the sandbox from the first arrival to the last. The floor is that
of the requests really made: a resumed run asks for the settings again and reads back the rows
whose result was lost. What the new process needs to start counts when it delays a slot.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from batchcancel.sandbox import Clinic, Rate, Sandbox, serving
from tests.benchmarks.floor import floor_seconds, rows_of
from tests.benchmarks.processes import start
from tests.benchmarks.table import Line

RATE = Rate(limit=60, seconds=6.0)
SLOWEST = 1.03
_DEADLINE = 300.0

Drive = Callable[[Callable[[], "subprocess.Popen[bytes]"], Sandbox, int], None]


def measure(rows: int | None) -> Iterator[Line]:
    count = rows or rows_of(300)
    yield _line("a socket, one run", _served(_undisturbed, count), count)
    yield _line("killed and resumed", _served(_killed, count), count)


def _undisturbed(begin: Callable[[], "subprocess.Popen[bytes]"], _: Sandbox, __: int) -> None:
    _end(begin())


def _killed(begin: Callable[[], "subprocess.Popen[bytes]"], sandbox: Sandbox, rows: int) -> None:
    process = begin()
    deadline = time.monotonic() + _DEADLINE
    while len(sandbox.history) < rows // 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.wait()
    _end(begin())


def _end(process: "subprocess.Popen[bytes]") -> None:
    try:
        code = process.wait(_DEADLINE)
    finally:
        process.kill()
    if code:
        raise RuntimeError(f"batchcancel run ended with {code}")


def _served(drive: Drive, rows: int) -> Sandbox:
    """Serve a sandbox, let `drive` begin and end runs over one manifest, and give it back."""
    sandbox = Sandbox(Clinic(appointments=0), rate=RATE, clock=time.monotonic)
    starts_at = (datetime.now(UTC) + timedelta(days=30)).replace(hour=6)
    for number in range(rows):
        sandbox.add(f"appt_{number:06d}", date=starts_at.date())
    with TemporaryDirectory() as folder, serving(sandbox) as base_url:
        manifest = Path(folder) / "closure.csv"
        lines = [f"{one.appointment_id},{starts_at.isoformat()}" for one in sandbox.records()]
        manifest.write_text("\n".join(["appointment_id,starts_at", *lines]) + "\n")
        arguments = ("run", str(manifest), "--yes", "--rate", "60/6s", "--notice-hours", "0")
        drive(lambda: start(*arguments, base_url=base_url), sandbox, rows)
    return sandbox


def _line(what: str, sandbox: Sandbox, rows: int) -> Line:
    arrivals = sandbox.history.arrivals
    seconds = arrivals[-1].arrived - arrivals[0].arrived
    floor = floor_seconds(len(arrivals), RATE)
    refused = sandbox.history.rate_limited
    cancelled = len(sandbox.records(status="cancelled"))
    return Line(
        what=f"{rows} rows at 60/6s, {what}",
        measured=f"{seconds:.2f} s for {len(arrivals)} requests, floor {floor:.0f} s; "
        f"{refused} x 429",
        bar=f"<= {floor * SLOWEST:.2f} s, no 429",
        is_met=seconds <= floor * SLOWEST and refused == 0 and cancelled == rows,
    )

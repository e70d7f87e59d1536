"""A manifest of a million rows: planning it, beginning it, and resuming it when all is settled.

Every number is that of the real command as a process. What starting costs is taken off the time
of `plan` by planning a manifest of one row in turn with it; the best of three counts.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

from batchcancel.sandbox import FULL_KEY, Clinic, Sandbox, serving
from tests.benchmarks.processes import COMMAND, Ended, timed
from tests.benchmarks.settled import settled_ledger
from tests.benchmarks.table import Line

PLAN_SECONDS = 3.0
PLAN_BYTES = 450 << 20
RESUME_SECONDS = 10.0
PEAK_BYTES = 1 << 30
_REPEATS = 3
_RULES = ("--notice-hours", "24", "--timezone", "UTC")
_PLAN = (COMMAND, "plan", *_RULES)
_RUN = (COMMAND, "run", "--yes", *_RULES)


def measure(rows: int | None) -> Iterator[Line]:
    count = rows or 1_000_000
    sandbox = Sandbox(Clinic(appointments=0))
    # It may not read, or five thousand pages would be what is measured.
    sandbox.keys.add(FULL_KEY, ["appointments:write"])
    with TemporaryDirectory() as name, serving(sandbox) as base_url:
        folder = Path(name)
        day = datetime.now(UTC).date() + timedelta(days=30)
        sandbox.add("appt_000001", date=day)
        manifest = _manifest(folder / "million.csv", rows=count, begin=day)
        one_row = _manifest(folder / "one.csv", rows=1, begin=day)
        yield from _planning(manifest, one_row, count, base_url=base_url)
        yield from _beginning(manifest, base_url=base_url)
        yield from _resuming(manifest, count, base_url=base_url)


def _manifest(path: Path, *, rows: int, begin: date) -> Path:
    """The first to be cancelled is `appt_000001`, which the sandbox has on the day of `begin`."""
    first = datetime.combine(begin, time(6), tzinfo=UTC)
    starts = [(first + timedelta(minutes=15 * slot)).isoformat() for slot in range(1000)]
    lines = (f"appt_{number:06d},{starts[(number - 1) % 1000]}\n" for number in range(1, rows + 1))
    with path.open("w") as file:
        file.write("appointment_id,starts_at\n")
        file.writelines(lines)
    return path


def _planning(manifest: Path, one_row: Path, count: int, *, base_url: str) -> Iterator[Line]:
    all_rows, starting = [], []
    for _ in range(_REPEATS):
        starting.append(timed([*_PLAN, str(one_row)], base_url=base_url))
        all_rows.append(timed([*_PLAN, str(manifest)], base_url=base_url))
    start = min(one.seconds for one in starting)
    seconds = min(one.seconds for one in all_rows) - start
    cpu = min(one.cpu for one in all_rows) - min(one.cpu for one in starting)
    yield Line(
        what=f"plan, {count:,} rows, beyond start-up",
        measured=f"{seconds:.2f} s, CPU {cpu:.2f} s (and {start:.2f} s to start)",
        bar=f"<= {PLAN_SECONDS:.0f} s",
        is_met=seconds <= PLAN_SECONDS,
    )
    yield _memory("plan", all_rows, bar=PLAN_BYTES)


def _beginning(manifest: Path, *, base_url: str) -> Iterator[Line]:
    """The first run, which enrols every row; `--limit 1` ends it after its first cancellation."""
    command = [*_RUN, str(manifest), "--limit", "1"]
    begun = timed([*command, "--ledger", f"{manifest}.new.db"], base_url=base_url)
    yield Line(what="first run --limit 1, plan and enrolment", measured=_time(begun))
    yield _memory("first run", [begun])


def _resuming(manifest: Path, count: int, *, base_url: str) -> Iterator[Line]:
    built = settled_ledger(manifest, base_url=base_url)
    yield Line(what="enrolment alone, in process", measured=f"{built.enrolment_seconds:.2f} s")
    command = [*_RUN, str(manifest), "--ledger", str(built.ledger)]
    resumed = [timed(command, base_url=base_url) for _ in range(_REPEATS)]
    best = min(resumed, key=attrgetter("seconds"))
    yield Line(
        what=f"run again, {count:,} rows settled",
        measured=_time(best),
        bar=f"<= {RESUME_SECONDS:.0f} s",
        is_met=best.seconds <= RESUME_SECONDS,
    )
    yield _memory("run again", resumed)


def _time(ended: Ended) -> str:
    return f"{ended.seconds:.2f} s, CPU {ended.cpu:.2f} s"


def _memory(what: str, ended: list[Ended], *, bar: int = PEAK_BYTES) -> Line:
    peak = max(one.peak_bytes for one in ended)
    return Line(
        what=f"{what}, peak memory",
        measured=f"{peak / (1 << 20):,.0f} MiB",
        bar=f"<= {bar >> 20:,} MiB",
        is_met=peak <= bar,
    )

"""batchcancel demo: an end-to-end demonstration on the sample manifest and a real port.

Every call of the program imports this file, so what only the demonstration needs is imported late.
"""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from batchcancel.cli.sandbox import require_extra

if TYPE_CHECKING:
    import subprocess

    from batchcancel.sandbox import Sandbox


LIMIT, WINDOW = 60, 4.0
SAMPLE = "clinic_closure.csv"
SAMPLE_BEGINS = datetime(2099, 6, 15, tzinfo=UTC)
"""Midnight of the sample's first day; the demo moves it to the last full hour."""

OUTAGE = 12
"""How many cancellations it answers with 503 before it is back."""

LATE = 6
"""How many rows of the sample begin within the notice window of 24 hours."""


@click.command(short_help="The whole story in a minute, against the sandbox.")
@click.option(
    "--report", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Keep the page of it, which ends with .html",
)  # fmt: skip
def demo(report: Path | None) -> None:
    """Show the whole story in under a minute, on this machine alone.

    Plans a closure, interrupts its run half way, resumes it through an outage, and counts at the
    sandbox what was really sent. The clinic's minute is shortened to four seconds.

    \b
    Examples:
      1. The whole story:
         batchcancel demo
      2. Only what was proved:
         batchcancel demo 2>/dev/null | tail -n 7
      3. And its page:
         batchcancel demo --report demo.html

    \b
    Exit codes: 0 everything was as promised, 1 something was not.
    """
    require_extra()
    raise click.exceptions.Exit(0 if tell(report) else 1)


def tell(report: Path | None = None) -> bool:
    """Run the demonstration; False when something was not as promised."""
    import tempfile

    from batchcancel.sandbox import FULL_KEY, Clinic, Rate, Sandbox, serving

    clinic = Clinic(appointments=20)
    sandbox = Sandbox(clinic, rate=Rate(limit=LIMIT, seconds=WINDOW))
    with tempfile.TemporaryDirectory() as folder, serving(sandbox) as url:
        rows = _put_sample(Path(folder, "closure.csv"))
        for row in rows:
            start = datetime.fromisoformat(row["starts_at"]).astimezone(ZoneInfo(clinic.timezone))
            sandbox.add(row["appointment_id"], date=start.date(), session=row["session"])
        stage = _Stage(folder, url, key=FULL_KEY)
        is_true = _tell_the_story(stage, sandbox, rows=len(rows))
        if report is not None:
            page = os.fspath(report.absolute())
            is_true &= stage.call("report", "closure.ledger.db", "-o", page, "--force") == 0
        return is_true


def _tell_the_story(stage: "_Stage", sandbox: "Sandbox", *, rows: int) -> bool:
    from batchcancel.sandbox import Fault

    _say(f"A closed day: {rows} appointments, {LIMIT} requests in {WINDOW:g} s. First, look.")
    codes = [stage.call("plan", "closure.csv")]
    _say("Now cancel. After half of them, somebody presses Ctrl-C.")
    with stage.process("run", "closure.csv", "--yes", "--progress") as process:
        _wait_for(lambda: len(sandbox.history.patches()) >= rows // 2, process)
        process.send_signal(signal.SIGINT)
        codes.append(process.wait())
    click.echo(f"(exit code {codes[-1]})")
    sandbox.faults.add(Fault("status", status=503), method="PATCH", times=OUTAGE)
    _say("The same command again goes on where it stopped; and now the API has an outage.")
    codes.append(stage.call("run", "closure.csv", "--yes", "--progress"))
    _say("And where does it stand?")
    codes.append(stage.call("status", "closure.ledger.db"))
    return _prove(sandbox, rows=rows, codes=codes)


def _prove(sandbox: "Sandbox", *, rows: int, codes: list[int]) -> bool:
    """Compare what the sandbox counted, not what the program says of itself."""
    arrivals, most = sandbox.history.arrivals, sandbox.most_arrivals
    sent = Counter(one.path for one in arrivals if one.method == "PATCH" and one.applied)
    cancelled = sum(1 for one in sandbox.changes() if one.after == "cancelled")
    refused, broken = (len(sandbox.history.answered(status)) for status in (429, 503))
    _say("What was proved, counted by the sandbox:")
    claims = [
        (refused == 0, f"{len(arrivals)} requests arrived, {refused} of them answered 429"),
        (most <= LIMIT, f"never more than {most} in any {WINDOW:g} s; {LIMIT} are allowed"),
        (
            broken == OUTAGE,
            f"{broken} were answered 503, and read back before they were sent again",
        ),
        (
            max(sent.values(), default=0) == 1,
            f"{cancelled} appointments cancelled, none of them twice",
        ),
        (codes == [0, 130, 0, 0], f"exit codes {codes}: planned, interrupted, done, shown"),
        (cancelled + LATE == rows, f"{cancelled} cancelled + {LATE} kept by notice = {rows} rows"),
    ]
    for is_true, claim in claims:
        click.echo(f"  {'yes' if is_true else 'NO '}  {claim}")
    return all(is_true for is_true, _ in claims)


class _Stage:
    """Runs the real command in a temporary folder, and prints what a person would type."""

    def __init__(self, folder: str, url: str, *, key: str) -> None:
        self._folder = folder
        # Variables of the person who tries the demo must not change what it does.
        kept = {name: text for name, text in os.environ.items() if "BATCHCANCEL" not in name}
        self._environ = kept | {
            "HUSKYVOICE_API_KEY": key,
            "BATCHCANCEL_BASE_URL": url,
            "BATCHCANCEL_RATE": f"{LIMIT}/{WINDOW:g}s",
            "BATCHCANCEL_STATE_DIR": ".",
        }

    @contextmanager
    def process(self, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
        import subprocess

        click.echo(f"$ batchcancel {' '.join(words)}")
        with subprocess.Popen(  # noqa: S603 - our own command, our own words
            [sys.executable, "-m", "batchcancel", *words], cwd=self._folder, env=self._environ
        ) as process:
            yield process

    def call(self, *words: str) -> int:
        with self.process(*words) as process:
            return process.wait()


def _wait_for(is_so: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None and not is_so():
        time.sleep(0.01)  # polled: the sandbox runs in another thread and signals nothing


def _say(text: str) -> None:
    click.secho(f"\n== {text}\n", bold=True)


def _put_sample(path: Path) -> list[dict[str, str]]:
    """Write the sample with its first midnight moved to the last full hour, and give its rows."""
    import csv

    package = Path(__file__).parents[1]
    inside = package / "sample_inputs"  # of an installed package; a checkout has them beside it
    sample = (inside if inside.is_dir() else package.parent / "sample_inputs") / SAMPLE
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with sample.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        moved = datetime.fromisoformat(row["starts_at"]) - SAMPLE_BEGINS + now
        row["starts_at"] = moved.isoformat()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows

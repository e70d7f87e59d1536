"""batchcancel sandbox: an imitation of the API to rehearse with."""

import errno
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from batchcancel.errors import InputError

if TYPE_CHECKING:
    from batchcancel.sandbox import Sandbox

_REFUSED = {errno.EADDRINUSE: "is taken", errno.EACCES: "may not be used without more rights"}


@click.command(short_help="An imitation of the API, to rehearse with.")
@click.option("--port", type=click.IntRange(0, 65535), default=4010, show_default=True)
@click.option(
    "--appointments", type=click.IntRange(0, 1_000_000), default=600, show_default=True,
    help="How many appointments it makes up",
)  # fmt: skip
@click.option("--manifest", metavar="FILE", help="Also knows the appointments of this manifest")
@click.option(
    "--rate", default="60/60s", metavar="N/TIME", show_default=True, help="Its rate limit, or none"
)
@click.option(
    "--faults", default="", metavar="SPEC",
    help="Faults with their chances, like 429=0.05,500=0.02,slow=0.1:2.5s,reset=0.01,seed=7",
)  # fmt: skip
def sandbox(port: int, appointments: int, manifest: str | None, rate: str, faults: str) -> None:
    """Imitate the HuskyVoice API on this machine until Ctrl-C, to rehearse a closure.

    Prints the lines to paste before a plan or a run. Nothing leaves this machine.

    A fault is the number of a status, with seconds as its Retry-After; or reset, slow or hang,
    each also with -after, once the change is applied; or what ails the answer alone: broken_json,
    drip, empty, html, huge, late, late_reset, truncated, wrong_record, wrong_status.

    \b
    Examples:
      1. Made-up appointments appt_000001 ... appt_000600:
         batchcancel sandbox
      2. The appointments of a real manifest, ten times as fast:
         batchcancel sandbox --manifest closure.csv --rate 60/6s
      3. On a bad day:
         batchcancel sandbox --faults 429=0.05,500=0.05,reset-after=0.02,seed=7

    \b
    Exit codes: 0 stopped by Ctrl-C, 2 usage.
    """
    require_extra()
    from batchcancel.sandbox import Clinic, Rate, Sandbox, parse_faults, serve
    from batchcancel.settings import quantities

    try:
        limit = quantities.rate(rate)
        seeded = parse_faults(faults) if faults else None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    is_free = limit.is_unlimited
    allowed = Rate(limit=None) if is_free else Rate(limit=int(limit.limit), seconds=limit.window)
    imitation = Sandbox(Clinic(appointments=appointments), rate=allowed, faults=seeded)
    if manifest is not None:
        _add_rows(imitation, manifest)
    told = partial(_tell, limit=str(limit), manifest=manifest or "closure.csv")
    with _port_refusals(port):
        serve(imitation, port=port, on_ready=told)


def require_extra() -> None:
    """Raise `InputError` where the extra `sandbox` is not installed."""
    try:
        import batchcancel.sandbox  # noqa: F401 - only to see that it can be
    except ImportError:
        raise InputError(
            "the sandbox needs the extra sandbox, which is not installed",
            hint="In the checkout, type: pip install -e '.[sandbox]'",
        ) from None


@contextmanager
def _port_refusals(port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if (why := _REFUSED.get(error.errno or 0)) is None:
            raise
        hint = "Name another with --port; 0 takes a free one."
        raise InputError(f"port {port} {why}", hint=hint) from None


def _add_rows(imitation: "Sandbox", manifest: str) -> None:
    """Make the manifest's appointments known where it says, or else the day after tomorrow."""
    from batchcancel.commands.plan import manifest_rows

    zone = ZoneInfo(imitation.book.clinic.timezone)
    later = date.today() + timedelta(days=2)  # noqa: DTZ011 - any day that is far enough does
    for row in manifest_rows(manifest, zone):
        day = row.starts_at.astimezone(zone).date() if row.starts_at else row.date or later
        session = row.session or "Morning"
        imitation.add(row.appointment_id, date=day, session=session, branch_id=row.branch_id)


def _tell(url: str, limit: str, manifest: str) -> None:
    from batchcancel.sandbox import FULL_KEY

    ledger = Path("rehearsal.ledger.db")
    click.echo(
        "The sandbox is ready. In another terminal, or in this one if it is in the background:\n\n"
        f"  export HUSKYVOICE_API_KEY={FULL_KEY}\n"
        f"  export BATCHCANCEL_BASE_URL={url}\n"
        f"  export BATCHCANCEL_RATE={limit}\n"
        f"  export BATCHCANCEL_LEDGER={ledger}\n"
        f"  batchcancel plan {shlex.quote(manifest)}\n\n"
        f"Remove {ledger} before the next rehearsal.\n"
        f"What it saw: {url.removesuffix('/v1')}/_sandbox/   Ctrl-C ends it."
    )

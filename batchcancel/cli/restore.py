"""batchcancel restore: put back what a batch cancelled."""

from functools import partial
from typing import TYPE_CHECKING

import click

from batchcancel.cli.batch import batch_meant, batch_option
from batchcancel.cli.options import api_options
from batchcancel.errors import ExitCode

if TYPE_CHECKING:
    from batchcancel.settings.load import ApiSettings


@click.command(short_help="Put back what a batch cancelled; run again to resume.")
@click.argument("ledger", metavar="LEDGER|MANIFEST")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@batch_option
@click.option("--only", metavar="MANIFEST", help="Only the appointments of this manifest, not IDs")
@click.option(
    "--rescheduled-too", is_flag=True, help="Also what was rescheduled: it comes back as confirmed"
)
@click.option("--overbook", is_flag=True, help="Do not count the free places of windows")
@click.option("--retry-refused", is_flag=True, help="Send refused and not-found rows once more")
@api_options("restore", "dry-run", "yes", "limit", "concurrency")
def restore(
    settings: "ApiSettings", ledger: str, ids: tuple[str, ...], batch: str | None,
    only: str | None, **how: bool,
) -> None:  # fmt: skip
    """Confirm again what a batch of LEDGER cancelled, all of it or these IDs, after a plan and a
    question.

    Only what the batch itself cancelled, what was confirmed before, and what nobody has touched
    since; not what has begun, and not where the window has no free place left. Patients may have
    been told, and this tells them nothing. The same command again resumes.

    \b
    Examples:
      1. What would come back?
         batchcancel restore closure.ledger.db -n
      2. Five first, then the rest:
         batchcancel restore closure.ledger.db --limit 5
         batchcancel restore closure.ledger.db
      3. Some of them, by their ids or in a manifest:
         batchcancel restore closure.ledger.db appt_1 appt_2
         batchcancel restore closure.ledger.db --only mistaken.csv

    \b
    Exit codes: 0 all are restored, or planned; 1 defect, 2 usage, no such ledger or batch,
    3 not confirmed, 4 some are left as they are, or were named and not cancelled by the
    batch; 5 stopped early and resumable, 6 another run holds the batch, 7 key or scope
    rejected, redirect or wrong record, 129, 130 or 143 stopped by a signal.
    """
    from batchcancel.cli.sending import send
    from batchcancel.cli.terminal import show, this_call
    from batchcancel.cli.watching import watched
    from batchcancel.commands import restore as command
    from batchcancel.settings.load import manifest_source

    if ids and only is not None:
        raise click.UsageError("Name either IDs or --only MANIFEST.")
    some = None if only is None else manifest_source(only)
    with batch_meant(ledger, batch) as (_, address, name):
        undoing = command.Undoing(ledger=address, batch=name, only=some, ids=ids, **how)
    if settings.dry_run:
        this_call().metrics_file = None
        plan = watched(settings, partial(command.plan, undoing=undoing))
        show(plan.text, plan.facts)
        is_all_known = not plan.facts["unknown"]
        raise click.exceptions.Exit(ExitCode.DONE if is_all_known else ExitCode.INCOMPLETE)
    send(settings, partial(command.restore, undoing=undoing), "restore", is_agreed=settings.yes)

"""batchcancel restore: put back what a batch cancelled."""

import json
import os
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchcancel.cli.options import api_options, api_settings_from
from batchcancel.cli.run import show_end
from batchcancel.cli.terminal import result

if TYPE_CHECKING:
    from batchcancel.commands.run import Finished
    from batchcancel.stop import Stop

_HOW = ("rescheduled_too", "overbook", "retry_refused")


@click.command(short_help="Put back what a batch cancelled; run again to resume.")
@click.argument("ledger", metavar="LEDGER")
@click.option("--batch", metavar="NAME", help="Which batch, where the ledger has several")
@click.option("--only", metavar="MANIFEST", help="Only the appointments of this manifest")
@click.option(
    "--rescheduled-too", is_flag=True, help="Also what was rescheduled: it comes back as confirmed"
)
@click.option("--overbook", is_flag=True, help="Do not count the free places of windows")
@click.option("--retry-refused", is_flag=True, help="Send refused and not-found rows once more")
@click.option("-n", "--dry-run", is_flag=True, help="Only show the plan; send no write")
@api_options("yes", "limit", "concurrency")
def restore(
    ledger: str, batch: str | None, only: str | None, job_file: Path | None, *,
    dry_run: bool, **options: Any,
) -> None:  # fmt: skip
    """Confirm again what a batch of LEDGER cancelled, after a plan and a question.

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
      3. Some of them:
         batchcancel restore closure.ledger.db --only mistaken.csv

    \b
    Exit codes: 0 all are restored, or planned; 1 defect, 2 usage, no such ledger or batch,
    3 not confirmed, 4 some are left as they are, 5 stopped early and resumable, 6 another
    run holds the batch, 7 key or scope rejected, redirect or wrong record, 130 or 143
    stopped by a signal.
    """
    from batchcancel.cli.door import confirm, enter
    from batchcancel.cli.watching import ProgressBar, announce, log_lines, wants_bar
    from batchcancel.commands import restore as command
    from batchcancel.ledger.open import read_ledger
    from batchcancel.report.restore import restore_text
    from batchcancel.report.status import the_batch
    from batchcancel.settings.load import manifest_source

    how = {option: options.pop(option) for option in _HOW}
    settings = api_settings_from("restore", job_file, options, dict(os.environ))
    with closing(read_ledger(ledger)) as account:
        name = the_batch(account, batch, ledger=ledger)
    some = None if only is None else manifest_source(only)
    undoing = command.Undoing(ledger=ledger, batch=name, only=some, **how)
    if dry_run:
        plan = enter(lambda stop: command.plan(settings, undoing, stop=stop, observe=announce))
        result(json.dumps(plan.as_json()) if settings.json else restore_text(plan))
        return
    bar = ProgressBar() if wants_bar(settings) else None

    async def put_back(stop: "Stop") -> "Finished":
        with closing(bar) if bar else nullcontext():
            return await command.restore(
                settings,
                undoing,
                stop=stop,
                observe=bar or log_lines(settings),
                confirm=lambda plan: confirm(
                    plan.eligible,
                    is_agreed=settings.yes,
                    plan="" if bar else restore_text(plan),
                    verb="restore",
                ),
            )

    finished = enter(put_back, *([bar.tick] if bar else []))
    show_end(finished, settings)
    raise click.exceptions.Exit(int(finished.summary.exit_code))

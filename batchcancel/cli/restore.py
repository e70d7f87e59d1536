"""batchcancel restore: put back what a batch cancelled."""

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchcancel.cli.options import api_options, api_settings_from
from batchcancel.cli.run import show_end
from batchcancel.cli.terminal import show

if TYPE_CHECKING:
    from batchcancel.commands.restore import Undoing
    from batchcancel.commands.run import Finished
    from batchcancel.settings.load import ApiSettings
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
@api_options("dry-run", "yes", "limit", "concurrency")
def restore(
    ledger: str, batch: str | None, only: str | None, job_file: Path | None,
    **options: Any,
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
    run holds the batch, 7 key or scope rejected, redirect or wrong record, 129, 130 or
    143 stopped by a signal.
    """
    from batchcancel.cli.door import confirm, enter
    from batchcancel.cli.watching import Watching, wants_bar
    from batchcancel.commands import restore as command
    from batchcancel.ledger.open import read_ledger
    from batchcancel.report.restore import restore_text
    from batchcancel.report.status import the_batch
    from batchcancel.report.tables import whose
    from batchcancel.settings.load import manifest_source

    how = {option: options.pop(option) for option in _HOW}
    settings = api_settings_from("restore", job_file, options, dict(os.environ))
    with closing(read_ledger(ledger)) as account:
        name = the_batch(account, batch, ledger=ledger)
    some = None if only is None else manifest_source(only)
    undoing = command.Undoing(ledger=ledger, batch=name, only=some, **how)
    if settings.dry_run:
        return _show_plan(settings, undoing)
    watching = Watching(settings, is_log=not wants_bar(settings), doing="Restoring")

    async def put_back(stop: "Stop") -> "Finished":
        with closing(watching):
            finished = await command.restore(
                settings,
                undoing,
                stop=stop,
                observe=watching,
                confirm=lambda plan: confirm(
                    plan.eligible,
                    where=whose(settings.origin),
                    is_agreed=settings.yes,
                    plan="" if watching.has_bar else restore_text(plan),
                    verb="restore",
                ),
            )
        show_end(finished)
        return finished

    finished = enter(put_back, watching.tick)
    raise click.exceptions.Exit(int(finished.summary.exit_code))


def _show_plan(settings: "ApiSettings", undoing: "Undoing") -> None:
    from batchcancel.cli.door import enter
    from batchcancel.cli.watching import Watching
    from batchcancel.commands import restore as command
    from batchcancel.report.restore import restore_text

    watching = Watching(settings, is_log=settings.log_format == "json")
    plan = enter(
        lambda stop: command.plan(settings, undoing, stop=stop, observe=watching), watching.tick
    )
    show(restore_text(plan), plan.as_json())

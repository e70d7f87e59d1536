"""batchcancel run: plan, confirm, cancel; run again to resume."""

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchcancel.cli.options import job_options, settings_from
from batchcancel.cli.plan import show_plan
from batchcancel.cli.terminal import complain, same_command, say, show

if TYPE_CHECKING:
    from batchcancel.commands.run import Finished


@click.command(short_help="Plan, confirm, cancel; run again to resume.")
@job_options
def run(manifest: str, job_file: Path | None, **options: Any) -> None:
    """Cancel the appointments of MANIFEST, after a plan and a question.

    MANIFEST is CSV or Parquet with a column appointment_id: a path, - for stdin, or an address
    with s3://, gs://, az:// or https://. What became of each row is kept in the ledger: the same
    command again resumes, and never sends a settled row twice. Without a terminal, --yes stands
    for the question; so does --approved, which is refused where anything but the plan that showed
    the token would be done.

    \b
    Examples:
      1. Cancel a closed day, after a look at the plan:
         batchcancel run closure.csv --notice-hours 0
      2. Five first, as a canary; then the rest:
         batchcancel run closure.csv --limit 5
         batchcancel run closure.csv
      3. What somebody approved, and nothing else:
         batchcancel run closure.csv --approved a1-600-0-0-r1rgaev43vp728g356ksknn4kswbe4jpz7
      4. From cron, with the options of a job:
         batchcancel run tonight.csv --job-file jobs/nightly.toml

    \b
    Exit codes: 0 every eligible row is cancelled, 1 defect, 2 usage or manifest,
    3 refused before any write, 4 finished with rows rejected, refused, not found, given
    up or in need of review, 5 stopped early and resumable, 6 another run holds the batch,
    7 key or scope rejected, redirect or wrong record, 129, 130 or 143 stopped by
    a signal.
    """
    from batchcancel.cli.door import confirm, enter
    from batchcancel.cli.watching import Watching, wants_bar
    from batchcancel.commands import run as command
    from batchcancel.report.plan import plan_text
    from batchcancel.report.tables import whose
    from batchcancel.stop import Stop

    settings = settings_from(manifest, job_file, options, dict(os.environ))
    if settings.dry_run:
        return show_plan(settings)
    watching = Watching(settings, is_log=not wants_bar(settings))

    async def cancel(stop: Stop) -> command.Finished:
        with closing(watching):
            finished = await command.run(
                settings,
                stop=stop,
                observe=watching,
                confirm=lambda planned: confirm(
                    planned.plan.eligible,
                    where=whose(settings.origin),
                    is_agreed=settings.yes or settings.approved is not None,
                    plan="" if watching.has_bar else plan_text(planned),
                ),
            )
        show_end(finished)
        return finished

    finished = enter(cancel, watching.tick)
    raise click.exceptions.Exit(int(finished.summary.exit_code))


def show_end(finished: "Finished") -> None:
    """What was done, what ended it early, and what to type next."""
    from batchcancel.report.summary import summary_text, what_next

    summary, reason = finished.summary, finished.reason
    show("\n" + summary_text(summary), summary.as_json())
    if reason is not None:
        complain(reason)
    left = what_next(
        summary.counts,
        batch=summary.batch,
        ledger=summary.ledger,
        command=same_command(),
        was_stopped=reason is not None,
        restores=summary.restores,
        selection=summary.selection,
    )
    say("\n" + left, "next")

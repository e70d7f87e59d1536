"""batchcancel run: plan, confirm, cancel; run again to resume."""

from typing import TYPE_CHECKING

import click

from batchcancel.cli.options import Grouped, job_options
from batchcancel.cli.plan import show_plan

if TYPE_CHECKING:
    from batchcancel.settings.load import Settings


@click.command(cls=Grouped, short_help="Plan, confirm, cancel; run again to resume.")
@job_options
def run(settings: "Settings") -> None:
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
    from batchcancel.cli.sending import send
    from batchcancel.commands.run import run as command

    if settings.dry_run:
        show_plan(settings)
        return
    send(settings, command, "cancel", is_agreed=settings.yes or settings.approved is not None)

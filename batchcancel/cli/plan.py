"""batchcancel plan: decide, count, estimate."""

import re
import shlex
import sys
from typing import TYPE_CHECKING

import click

from batchcancel.cli.options import Grouped, job_options

if TYPE_CHECKING:
    from batchcancel.settings.load import Settings

_SHORT = re.compile("-[nqvy]*n[nqvy]*")
"""Switches of one letter, -n among them."""


@click.command(cls=Grouped, short_help="Decide, count, estimate; sends no write.")
@job_options
def plan(settings: "Settings") -> None:
    """Decide on every row of MANIFEST, count, and estimate the time. Sends no write.

    MANIFEST is CSV or Parquet with a column appointment_id: a path, - for stdin, or an address
    with s3://, gs://, az:// or https://. The API is asked for the organisation's rules, within the
    rate limit that this plan shares with every run.

    \b
    Examples:
      1. What would a closure do?
         batchcancel plan closure.csv
      2. And without the notice window?
         batchcancel plan closure.csv --notice-hours 0
      3. With the options of a job, as JSON:
         batchcancel plan closure.csv --job-file jobs/clinic_closure.toml --json

    \b
    Exit codes: 0 planned, 2 usage or manifest, 3 a run would be refused, 4 the manifest
    marks all of its rows as done, 5 the API or the manifest's store does not answer, 7 key
    or scope rejected, 129, 130 or 143 stopped by a signal.
    """
    show_plan(settings)


def show_plan(settings: "Settings") -> None:
    """Plan and show it; ends with the code that a run would be refused with."""
    # Imported late, as in every command, so that --help starts quickly: polars alone takes 0.3 s.
    from batchcancel.cli.terminal import result, same_command, show, this_call
    from batchcancel.cli.watching import watched
    from batchcancel.commands import plan as command
    from batchcancel.report.plan import plan_json, plan_text
    from batchcancel.report.summary import sweep
    from batchcancel.settings.options import reach

    this_call().metrics_file = None  # its numbers are of runs
    planned = watched(settings, command.plan)
    show(plan_text(planned), plan_json(planned, ledger=settings.redacted_ledger))
    command.refuse(planned, settings)
    command.refuse_place(settings)
    if code := command.ends_with(planned, settings):
        raise click.exceptions.Exit(int(code))
    if not settings.json:
        batch = planned.batch
        if not planned.rules.is_asked:
            ledger = shlex.quote(settings.redacted_ledger)
            result(f"\nNothing is left to send. What became of it: batchcancel status {ledger}")
            if batch.selection:
                again = sweep(batch.name, batch.selection, ledger)
                result(f"Next:  {again}{reach(settings.recorded())}")
            return
        typed = _as_run(settings)
        result(f"\nNext:  {same_command(typed)}")
        if settings.approved is None:
            told = same_command(typed, "--approved", str(planned.approval))
            result(f"  or, without a question, exactly what this plan shows:  {told}")


def _as_run(settings: "Settings") -> list[str]:
    """What was typed, as a run that is no dry run, whoever says that it is one."""
    _, *words = sys.argv[1:]
    ends = words.index("--") if "--" in words else len(words)
    kept = [
        one.replace("n", "") if _SHORT.fullmatch(one) else one
        for one in words[:ends]
        if one not in ("-n", "--dry-run")
    ]
    is_told_elsewhere = settings.dry_run and kept == words[:ends]
    return ["run", *kept, *["--no-dry-run"] * is_told_elsewhere, *words[ends:]]

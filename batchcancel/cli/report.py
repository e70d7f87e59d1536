"""batchcancel report: a batch as one page for people who were not there."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchcancel.cli.batch import batch_meant, batch_option, force_option, json_option
from batchcancel.cli.options import OutputPath, job_file_option

if TYPE_CHECKING:
    from batchcancel.report.atomic import Output


@click.command(short_help="What happened, as one page for people who were not there.")
@click.argument("ledger", metavar="[LEDGER|MANIFEST]", required=False)
@click.option(
    "-o", "--output", required=True, metavar="FILE",
    type=OutputPath(), help="Ends with .html",
)  # fmt: skip
@job_file_option
@batch_option
@force_option
@json_option
def report(
    ledger: str | None, output: "Output", job_file: Path | None, batch: str | None,
    *, force: bool,
) -> None:  # fmt: skip
    """Write what became of a batch of LEDGER, and how, to one page.

    It is one file without scripts, asks no network, and can be printed and sent on: it holds ids,
    times and codes, no name and no phone. Only reads the ledger, so it may be made during a run.

    \b
    Examples:
      1. For whoever asks tomorrow:
         batchcancel report closure.ledger.db -o report.html
      2. At the end of each run:
         batchcancel run closure.csv --on-end 'batchcancel report -o report.html --force'

    \b
    Exit codes: 0 written, 2 no such ledger or batch, or a file that exists, 5 the database
    does not answer, or the store that it goes to.
    """
    from batchcancel.addresses import redacted_ledger
    from batchcancel.cli.terminal import show
    from batchcancel.report.atomic import replacing, require_new
    from batchcancel.report.page import page_html
    from batchcancel.settings.job_file import branch_names

    require_new(output, (".html", ".htm"), force=force)
    branches = branch_names(job_file)
    with batch_meant(ledger, batch) as (account, address, name):
        shown, at = redacted_ledger(address), datetime.now(UTC)
        page = page_html(account, name, ledger=shown, at=at, branches=branches)
    with replacing(output) as file:
        file.write(page.encode(errors="backslashreplace"))
    show(f"Report of batch {name} written to {output}", {"batch": name, "output": str(output)})

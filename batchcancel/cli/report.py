"""batchcancel report: a batch as one page for people who were not there."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

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
@click.option("--batch", metavar="NAME", help="Which batch, where the ledger has several")
@click.option("--force", is_flag=True, help="Write over a file that exists")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on stdout")
def report(
    ledger: str | None, output: "Output", job_file: Path | None, batch: str | None,
    *, force: bool, as_json: bool,
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
    Exit codes: 0 written, 2 no such ledger or batch, or a file that exists, 5 the store
    that it goes to does not answer.
    """
    from batchcancel.addresses import redacted_ledger
    from batchcancel.cli.terminal import show, this_call
    from batchcancel.ledger.open import read_ledger
    from batchcancel.report.atomic import replacing
    from batchcancel.report.page import page_html
    from batchcancel.report.status import the_batch
    from batchcancel.settings.job_file import branch_names
    from batchcancel.settings.ledgers import ledger_for

    this_call().is_json |= as_json
    require_page(output, force=force)
    branches = branch_names(job_file)
    address, named = ledger_for(ledger, batch)
    with closing(read_ledger(address)) as account:
        name = the_batch(account, named, ledger=address)
        shown = redacted_ledger(address)
        at = datetime.now(UTC)
        page = page_html(account, name, ledger=shown, at=at, branches=branches)
    with replacing(output) as file:
        file.write(page.encode(errors="backslashreplace"))
    show(f"Report of batch {name} written to {output}", {"batch": name, "output": str(output)})


def require_page(path: "Output", *, force: bool) -> None:
    from batchcancel.errors import InputError

    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{path} is no page", hint="Let it end with .html.")
    if path.exists() and not force:
        raise InputError(f"{path} exists", hint="Name another file, or pass --force.")

"""batchcancel verify: what the API says now of what a batch cancelled."""

from functools import partial
from typing import TYPE_CHECKING

import click

from batchcancel.cli.batch import batch_meant, batch_option
from batchcancel.cli.options import OutputPath, api_options

if TYPE_CHECKING:
    from batchcancel.report.atomic import Output
    from batchcancel.settings.load import ApiSettings


@click.command(short_help="What the API says now of what was cancelled.")
@click.argument("ledger", metavar="LEDGER|MANIFEST")
@batch_option
@click.option(
    "-o", "--output", type=OutputPath(), metavar="DRIFT",
    help="Write what is not cancelled any more to this manifest, .csv or .parquet, where any is",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Write over a file that exists, or remove it")
@api_options("verify")
def verify(
    settings: "ApiSettings", ledger: str, batch: str | None, output: "Output | None", *, force: bool
) -> None:
    """Read back what a batch of LEDGER cancelled, and tell what is alive again. Sends no write.

    Pages of 200 records are read where days allow. What is alive again, moved, or not known any
    more is named: somebody else did that. What this program restored is counted apart.

    \b
    Examples:
      1. Is everything cancelled still?
         batchcancel verify closure.ledger.db
      2. And those that are not, as a manifest:
         batchcancel verify closure.ledger.db -o drift.csv

    \b
    Exit codes: 0 all are cancelled still, 2 no such ledger or batch, 4 some are not, or
    could not be read, 5 the API does not answer, 7 key or scope rejected, 129, 130 or
    143 stopped by a signal.
    """
    from batchcancel.cli.terminal import say, show
    from batchcancel.cli.watching import watched
    from batchcancel.commands import verify as command
    from batchcancel.report.atomic import refuse_manifest, require_new
    from batchcancel.report.results import KINDS
    from batchcancel.report.verify import verified_text, write_drift

    if output is not None:
        require_new(output, KINDS, force=force)
    with batch_meant(ledger, batch) as (account, address, name):
        if output is not None:
            refuse_manifest(output, account, ledger=address)
    verified = watched(settings, partial(command.verify, ledger=address, batch=name))
    show(verified_text(verified), verified.as_json())
    if output is not None:
        write_drift(verified, output)
        if verified.drift:
            say(f"These are written to {output}, but what could not be read.")
    raise click.exceptions.Exit(int(verified.exit_code))

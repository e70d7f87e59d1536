"""batchcancel export: the state and outcome of every row, as a file."""

from contextlib import closing
from pathlib import Path

import click


@click.command(short_help="What became of each row, as CSV, Parquet or JSON.")
@click.argument("ledger", metavar="LEDGER")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Ends with .csv, .parquet or .json",
)
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    metavar="O",
    help="Only rows with this outcome, or waiting, or open; may be given several times",
)
@click.option("--batch", metavar="NAME", help="Which batch, where the ledger has several")
@click.option("--force", is_flag=True, help="Write over a file that exists")
def export(
    ledger: str, output: Path, outcomes: tuple[str, ...], batch: str | None, *, force: bool
) -> None:
    """Write what became of each row of LEDGER to a file that is itself a valid manifest.

    \b
    Examples:
      1. Everything, for the files:
         batchcancel export closure.ledger.db -o closure-results.csv
      2. What was not cancelled, for the phone:
         batchcancel export closure.ledger.db -o call.csv --outcome skipped --outcome refused

    \b
    Exit codes: 0 written, 2 no such ledger, batch, outcome or kind of file.
    """
    from batchcancel.cli.terminal import result
    from batchcancel.ledger.open import read_ledger
    from batchcancel.report.atomic import refuse_manifest
    from batchcancel.report.results import require_new, write_results
    from batchcancel.report.status import the_batch

    require_new(output, force=force)
    with closing(read_ledger(ledger)) as account:
        name = the_batch(account, batch, ledger=ledger)
        refuse_manifest(output, account, ledger=ledger)
        rows = write_results(account.rows(name), output, outcomes=outcomes or None)
    result(f"{rows:,} {'row' if rows == 1 else 'rows'} of batch {name} written to {output}")

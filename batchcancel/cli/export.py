"""batchcancel export: the state and outcome of every row, as a file."""

from contextlib import closing
from pathlib import Path

import click

from batchcancel.addresses import redacted_ledger
from batchcancel.errors import InputError


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
    from batchcancel.report.results import write_results

    if output.exists() and not force:
        raise InputError(f"{output} exists", hint="Name another file, or pass --force.")
    with closing(read_ledger(ledger)) as account:
        name = _the_batch([one.name for one in account.batches()], wanted=batch, ledger=ledger)
        refuse_manifest(output, account, ledger=ledger)
        rows = write_results(account.rows(name), output, outcomes=outcomes or None)
    result(f"{rows:,} {'row' if rows == 1 else 'rows'} of batch {name} written to {output}")


def _the_batch(names: list[str], *, wanted: str | None, ledger: str) -> str:
    if not names:
        raise InputError(
            f"{redacted_ledger(ledger)} holds no batch yet",
            hint="A run puts one in: batchcancel run closure.csv",
        )
    if wanted is None and len(names) == 1:
        return names[0]
    listed = ", ".join(names)
    if wanted is None:
        raise InputError(
            f"{redacted_ledger(ledger)} has {len(names)} batches",
            hint=f"Name one with --batch: {listed}.",
        )
    if wanted not in names:
        raise InputError(f"the ledger has no batch {wanted}", hint=f"It has: {listed}.")
    return wanted

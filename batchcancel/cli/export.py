"""batchcancel export: the state and outcome of every row, as a file."""

from contextlib import closing
from pathlib import Path

import click

from batchcancel.errors import InputError

_STDOUT = "-"


@click.command(short_help="What became of each row, as CSV, Parquet or JSON.")
@click.argument("ledger", metavar="[LEDGER|MANIFEST]", required=False)
@click.option(
    "-o", "--output", required=True, metavar="FILE",
    help="Ends with .csv, .parquet or .json; - is CSV on stdout",
)  # fmt: skip
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    metavar="O",
    help="Only rows with this outcome, or waiting, or open; may be given several times",
)
@click.option(
    "--with", "manifest", metavar="MANIFEST",
    help="Also the columns of this manifest, which may hold names",
)  # fmt: skip
@click.option("--batch", metavar="NAME", help="Which batch, where the ledger has several")
@click.option("--force", is_flag=True, help="Write over a file that exists")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on stdout")
def export(
    ledger: str | None, output: str, outcomes: tuple[str, ...], manifest: str | None,
    batch: str | None, *, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write what became of each row of LEDGER to a file, in the order of the manifest.

    As CSV or Parquet that file is itself a manifest. It holds ids, times and codes, and no names,
    but with --with: then it is for your eyes alone.

    \b
    Examples:
      1. Everything, for the files:
         batchcancel export closure.ledger.db -o closure-results.csv
      2. Whom to call: what was cancelled, with the names of the booking office's file:
         batchcancel export closure.ledger.db -o call.csv --outcome cancelled --with closure.csv
      3. For another program:
         batchcancel export closure.ledger.db -o - --outcome refused

    \b
    Exit codes: 0 written, 2 no such ledger, batch, outcome or kind of file.
    """
    from batchcancel.cli.terminal import result, say, show, this_call
    from batchcancel.commands.export import export as command
    from batchcancel.ledger.open import read_ledger
    from batchcancel.report.atomic import refuse_manifest
    from batchcancel.report.results import require_new
    from batchcancel.report.status import the_batch
    from batchcancel.settings.ledgers import ledger_for

    this_call().is_json |= as_json
    path = None if output == _STDOUT else Path(output)
    if path is None and as_json:
        raise InputError("stdout takes the rows or the JSON line", hint="Leave out --json or -o -.")
    if path is not None:
        require_new(path, force=force)
    address, named = ledger_for(ledger, batch)
    with closing(read_ledger(address)) as account:
        name = the_batch(account, named, ledger=address)
        if path is not None:
            refuse_manifest(path, account, ledger=address)
        rows, text = command(account, name, path, outcomes=outcomes, manifest=manifest)
    if path is None:
        result(text, as_it_is=True)
        return
    told = f"{rows:,} {'row' if rows == 1 else 'rows'} of batch {name} written to {path}"
    show(told, {"batch": name, "rows": rows, "output": str(path)})
    if manifest is not None:
        say(f"It has the columns of {manifest}, maybe names: only you can read it (mode 0600).")

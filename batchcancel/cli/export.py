"""batchcancel export: the state and outcome of every row, as a file."""

from functools import partial
from typing import TYPE_CHECKING

import click

from batchcancel.cli.batch import batch_meant, batch_option, force_option
from batchcancel.cli.options import api_options
from batchcancel.errors import InputError

if TYPE_CHECKING:
    from batchcancel.settings.load import ApiSettings

_STDOUT = "-"


@click.command(short_help="What became of each row, as CSV, Parquet or JSON.")
@click.argument("ledger", metavar="[LEDGER|MANIFEST]", required=False)
@click.option(
    "-o", "--output", required=True, metavar="FILE",
    help="Ends with .csv, .xlsx, .parquet or .json; - is CSV on stdout",
)  # fmt: skip
@click.option(
    "--outcome", "outcomes", multiple=True, metavar="O",
    help="Only rows with this outcome, or waiting, or open; may be given several times",
)  # fmt: skip
@click.option(
    "--with", "manifest", metavar="MANIFEST",
    help="Also the columns of this manifest, which may hold names",
)  # fmt: skip
@click.option(
    "--contacts", is_flag=True,
    help="Whom to call: names and phones as the API has them now, .csv or .xlsx",
)  # fmt: skip
@batch_option
@force_option
@api_options("export", only_with="contacts")
def export(
    settings: "ApiSettings | None", ledger: str | None, output: str, outcomes: tuple[str, ...],
    manifest: str | None, *, batch: str | None, force: bool,
) -> None:  # fmt: skip
    """Write what became of each row of LEDGER to a file, in the order of the manifest.

    As CSV or Parquet that file is itself a manifest. It holds ids, times and codes, and no names,
    but with --with or --contacts: then it is for your eyes alone. With --contacts alone the API is
    asked, and only then the options about it count.

    \b
    Examples:
      1. Everything, for the files:
         batchcancel export closure.ledger.db -o closure-results.csv
      2. Whom to call, one line for each phone, with the names that the API has:
         batchcancel export closure.ledger.db -o call.csv --contacts
      3. The same with the names of the booking office's file:
         batchcancel export closure.ledger.db -o call.csv --outcome cancelled --with closure.csv
      4. For another program:
         batchcancel export closure.ledger.db -o - --outcome refused

    \b
    Exit codes: 0 written, 2 no such ledger, batch, outcome or kind of file, 5 the database
    does not answer, or the store that it goes to; with --contacts also 4 some could not be
    read, 5 the API does not answer, 7 key or scope rejected, 129, 130 or 143 stopped by a
    signal.
    """
    if settings is not None:
        if manifest is not None or output == _STDOUT:
            raise InputError(
                "--contacts writes names and phones to a file, without --with and not to stdout",
                hint="Name a file that ends with .csv or .xlsx.",
            )
        _contacts(settings, ledger, batch, output, outcomes, force=force)
    elif output == _STDOUT:
        _to_stdout(ledger, batch, outcomes, manifest)
    else:
        _to_file(ledger, batch, output, outcomes, manifest, force=force)


def _to_stdout(
    ledger: str | None, batch: str | None, outcomes: tuple[str, ...], manifest: str | None
) -> None:
    from batchcancel.cli.terminal import this_call, write_out
    from batchcancel.commands.export import export as command
    from batchcancel.report.results import csv_text

    if manifest is not None:
        raise InputError(
            "--with may write names, and not to stdout", hint="Name a file that ends with .csv."
        )
    if this_call().is_json:
        raise InputError("stdout takes the rows or the JSON line", hint="Leave out --json or -o -.")
    with batch_meant(ledger, batch) as (account, _, name):
        frame = command(account, name, outcomes=outcomes)
    write_out(csv_text(frame))


def _to_file(
    ledger: str | None, batch: str | None, typed: str, outcomes: tuple[str, ...],
    manifest: str | None, *, force: bool,
) -> None:  # fmt: skip
    from batchcancel.cli.terminal import say, show
    from batchcancel.commands.export import export as command
    from batchcancel.report.atomic import output_of, private_output, refuse_manifest, require_new
    from batchcancel.report.results import KINDS, write_table
    from batchcancel.report.tables import many

    path = output_of(typed) if manifest is None else private_output(typed)
    require_new(path, KINDS, force=force)
    with batch_meant(ledger, batch) as (account, address, name):
        refuse_manifest(path, account, ledger=address)
        frame = command(account, name, outcomes=outcomes, manifest=manifest)
    rows = write_table(frame, path)
    told = f"{many(rows, 'row')} of batch {name} written to {path}"
    show(told, {"batch": name, "rows": rows, "output": str(path)})
    if manifest is not None:
        say(f"It has the columns of {manifest}, maybe names: only you can read it (mode 0600).")


def _contacts(
    settings: "ApiSettings", ledger: str | None, batch: str | None, typed: str,
    outcomes: tuple[str, ...], *, force: bool,
) -> None:  # fmt: skip
    from batchcancel.cli.terminal import say, show
    from batchcancel.cli.watching import watched
    from batchcancel.commands.contacts import KINDS
    from batchcancel.commands.contacts import contacts as command
    from batchcancel.report.atomic import private_output, require_new

    output = private_output(typed)
    require_new(output, KINDS, force=force)
    with batch_meant(ledger, batch) as (_, address, name):
        asked = partial(command, ledger=address, batch=name, output=output, outcomes=outcomes)
    told = watched(settings, asked)
    show(told.text(), told.as_json())
    say("It holds personal data: delete it after use. Only you can read it (mode 0600).")
    raise click.exceptions.Exit(int(told.exit_code))

"""batchcancel status: where a batch stands."""

import json

import click


@click.command(short_help="Where a batch stands, also while it runs.")
@click.argument("ledger", metavar="LEDGER")
@click.option("--batch", metavar="NAME", help="Only this batch  [default: all of them]")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each batch")
def status(ledger: str, batch: str | None, *, as_json: bool) -> None:
    """Show where the batches of LEDGER stand. Only reads, so it may be asked during a run.

    \b
    Examples:
      1. How far is it?
         batchcancel status closure.ledger.db
      2. One batch, for a machine:
         batchcancel status nightly.ledger.db --batch 2026-11-23 --json

    \b
    Exit codes: 0 ledger_shown, 2 no such ledger or batch.
    """
    from contextlib import closing

    from batchcancel.addresses import ledger_shown
    from batchcancel.cli.terminal import result
    from batchcancel.opening import read_ledger
    from batchcancel.report.status import BatchStatus, read_status

    with closing(read_ledger(ledger)) as account:
        standings: list[BatchStatus] = read_status(account, only=batch)
    for standing in standings:
        result(json.dumps(standing.as_json(ledger_shown(ledger))) if as_json else standing.text())
    if not standings and not as_json:
        result(f"{ledger_shown(ledger)} holds no batch yet.")

"""batchcancel status: the counts of each batch, and its last run."""

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
    Exit codes: 0 shown, 2 no such ledger or batch.
    """
    from contextlib import closing

    from batchcancel.addresses import redacted_ledger
    from batchcancel.cli.terminal import result
    from batchcancel.ledger.open import read_ledger
    from batchcancel.report.status import BatchStatus, read_status

    with closing(read_ledger(ledger)) as account:
        statuses: list[BatchStatus] = read_status(account, only=batch)
    for one in statuses:
        result(json.dumps(one.as_json(redacted_ledger(ledger))) if as_json else one.text())
    if not statuses and not as_json:
        result(f"{redacted_ledger(ledger)} holds no batch yet.")

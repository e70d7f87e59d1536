"""batchcancel status: what is happening with each batch, and what to type next."""

import time

import click

_EVERY_S = 2.0
_MOST = 20


@click.command(short_help="Where a batch stands, also while it runs.")
@click.argument("ledger", metavar="[LEDGER|MANIFEST]", required=False)
@click.option(
    "--batch", metavar="NAME", help="Only this batch  [default: the latest 20; with --json all]"
)
@click.option("--watch", is_flag=True, help="Again every two seconds, until no run is alive")
@click.option(
    "--json", is_flag=True, expose_value=False,
    help="One line of JSON for each batch, the latest last",
)  # fmt: skip
def status(ledger: str | None, batch: str | None, *, watch: bool) -> None:
    """Show what is happening with the batches of LEDGER, and what to type next.

    The latest comes first, and of many only the latest are shown. Only reads, so it may be asked
    during a run. For a manifest it is the ledger beside it; without either, that of
    BATCHCANCEL_LEDGER.

    \b
    Examples:
      1. How far is it?
         batchcancel status closure.csv
      2. Until it is done:
         batchcancel status closure.ledger.db --watch
      3. One batch, for a machine:
         batchcancel status nightly.ledger.db --batch 2026-11-23 --json

    \b
    Exit codes: 0 shown, 2 no such ledger or batch, 5 the database does not answer.
    """
    from batchcancel.cli.terminal import clear
    from batchcancel.settings.ledgers import ledger_for

    address, name = ledger_for(ledger, batch)
    try:
        while _show(address, name) and watch:
            time.sleep(_EVERY_S)
            clear()
    except KeyboardInterrupt:
        if not watch:
            raise


def _show(ledger: str, batch: str | None) -> bool:
    """Whether a run is alive."""
    from contextlib import closing
    from datetime import UTC, datetime

    from batchcancel.addresses import redacted_ledger
    from batchcancel.cli.terminal import line, result, show, this_call
    from batchcancel.ledger.open import read_ledger
    from batchcancel.report.status import Going, read_status

    shown, is_json = redacted_ledger(ledger), this_call().is_json
    with closing(read_ledger(ledger)) as account:
        most = None if is_json else _MOST
        found = read_status(account, only=batch, ledger=shown, at=datetime.now(UTC), most=most)
        others = 0 if batch else len(account.batches()) - len(found)
    if not found:
        show(f"{shown} holds no batch yet.", {"ledger": shown})
    if is_json:
        found.reverse()  # so that the last line is that of the latest
        for one in found[:-1]:
            line(one.as_json() | {"exit_code": 0})
    for number, one in enumerate(found[-1:] if is_json else found):
        show("\n\n" * (number > 0) + one.text(), one.as_json())
    if others:
        result(f"\n{others:,} earlier batches are not shown: --batch NAME shows one of them.")
    return any(one.going in (Going.RUNNING, Going.STANDING_STILL) for one in found)

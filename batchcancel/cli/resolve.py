"""batchcancel resolve: a person's decision on rows that nobody else may decide on."""

from contextlib import closing

import click

from batchcancel.cli.batch import batch_meant, batch_option, json_option


@click.command(short_help="Decide on rows that need a person.")
@click.argument("ledger", metavar="LEDGER|MANIFEST")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--as", "decision", required=True, type=click.Choice(["kept", "cancel"]),
    help="kept leaves them as they are; cancel lets the next run send them",
)  # fmt: skip
@click.option("--only", metavar="MANIFEST", help="The appointments of this manifest, not IDs")
@click.option("--reason", metavar="TEXT", help="Why; it is kept in the ledger, so no names")
@batch_option
@json_option
def resolve(
    ledger: str, ids: tuple[str, ...], *, decision: str, only: str | None,
    reason: str | None, batch: str | None,
) -> None:  # fmt: skip
    """Write down what a person decided on rows of LEDGER: needs_review, moved, unknown_status,
    and those in doubt.

    The decision holds for the record as it was seen last, and is kept with your name and the time.
    Sends nothing: what is to be cancelled is read once more, and sent, by the next run.

    \b
    Examples:
      1. They may stay:
         batchcancel resolve closure.ledger.db --as kept appt_1 appt_2 --reason "moved by us"
      2. They are to be cancelled where they are now:
         batchcancel resolve closure.ledger.db --as cancel --only moved.csv
         batchcancel run closure.csv

    \b
    Exit codes: 0 written down, 2 no such ledger or batch, or a row on which nobody has to
    decide; 5 the database does not answer, or the store of the manifest, 6 a run holds the
    batch, 129, 130 or 143 stopped by a signal.
    """
    from datetime import UTC, datetime

    from batchcancel.addresses import redacted_ledger
    from batchcancel.cli.door import enter
    from batchcancel.cli.terminal import say, show, this_call
    from batchcancel.commands.resolve import ids_in
    from batchcancel.commands.resolve import resolve as command
    from batchcancel.ledger.open import open_ledger
    from batchcancel.settings.load import manifest_source
    from batchcancel.settings.quantities import is_rehearsal

    if bool(ids) == (only is not None):
        raise click.UsageError("Name either IDs or --only MANIFEST.")
    wanted = [*dict.fromkeys(ids)]
    if only is not None:
        some = manifest_source(only)
        wanted = enter(lambda stop: ids_in(some, stop=stop, observe=lambda _event: None))
    with batch_meant(ledger, batch) as (account, address, name):
        origin = account.batch(name).origin
    this_call().facts |= {"origin": origin, "rehearsal": is_rehearsal(origin)}
    with closing(open_ledger(address, origin=origin, key="")) as written:
        done = command(
            written, name, wanted, decision=decision, reason=reason, now=datetime.now(UTC),
            shown=redacted_ledger(address),
        )  # fmt: skip
    rows = "1 row" if done.resolved == 1 else f"{done.resolved:,} rows"
    show(f"Resolved as {decision}: {rows} of batch {name}.", done.as_json())
    if decision == "cancel":
        say("The next run reads and sends them: type the same batchcancel run as before.", "next")

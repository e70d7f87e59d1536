"""batchcancel ledger: what the administrator of a ledger needs."""

from contextlib import closing

import click

from batchcancel.cli.batch import json_option


@click.group(short_help="Tables and grants, and forgetting what is long finished.")
def ledger() -> None:
    """What the administrator of a ledger needs: its tables, and room.

    \b
    Examples:
      1. Make a ledger for a role that may create nothing itself
         batchcancel ledger ddl --role clinic | psql -v ON_ERROR_STOP=1 clinic
      2. Forget what was finished three months ago, after a look
         batchcancel ledger prune closure.ledger.db --older-than 90d -n
         batchcancel ledger prune closure.ledger.db --older-than 90d

    \b
    Exit codes: 0 printed, shown or forgotten, 2 usage or no such ledger, 3 not confirmed,
    5 the database does not answer, 6 a run holds the ledger's file, 129, 130 or 143 stopped
    by a signal.
    """


@ledger.command(short_help="Print tables and grants as SQL.")
@click.option("--role", metavar="NAME", required=True, help="Who is to run batchcancel")
def ddl(role: str) -> None:
    """Print the tables of a PostgreSQL ledger and the grants for a role, as SQL for psql."""
    from batchcancel.cli.terminal import write_out
    from batchcancel.ledger.open import postgres_ddl

    write_out(f"{postgres_ddl(role)}\n")


@ledger.command(short_help="Forget batches that are long finished.")
@click.argument("typed", metavar="LEDGER")
@click.option("--older-than", metavar="DAYS", required=True, help="How long ago, such as 90d")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would go, and leave it")
@click.option("-y", "--yes", is_flag=True, help="Do not ask")
@json_option
def prune(typed: str, older_than: str, *, dry_run: bool, yes: bool) -> None:
    """Forget the batches of LEDGER that are finished, with their rows, runs and requests.

    A batch stays while a row of it waits, is in doubt or needs review, while a run of it is alive,
    and as long as its restore stays.
    """
    from datetime import UTC, datetime

    from batchcancel.addresses import redacted_ledger
    from batchcancel.cli.door import confirm, enter
    from batchcancel.cli.terminal import say, show
    from batchcancel.commands.prune import look
    from batchcancel.commands.prune import prune as command
    from batchcancel.ledger.open import open_ledger, read_ledger
    from batchcancel.settings import quantities
    from batchcancel.settings.ledgers import ledger_for
    from batchcancel.stop import Stop

    try:
        before = datetime.now(UTC) - quantities.days(older_than)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
    address, _ = ledger_for(typed, None)
    with closing(read_ledger(address)) as account:
        looked = look(account, before=before)
    if dry_run or not looked.batches:
        show(looked.text(), looked.as_json())
        return
    say(looked.text())

    async def ask(stop: Stop) -> None:
        await confirm(
            len(looked.batches), stop=stop, where=redacted_ledger(address), is_agreed=yes,
            plan="", verb="forget", what="batches",
        )  # fmt: skip

    enter(ask)
    with closing(open_ledger(address, origin="", key="")) as written:
        done = command(written, looked)
    show(done.text(), done.as_json())

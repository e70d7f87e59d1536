"""batchcancel ledger: what the administrator of a database needs."""

import click


@click.command(short_help="Tables and grants, for the administrator of a database.")
@click.argument("what", metavar="ddl", type=click.Choice(["ddl"]))
@click.option("--role", metavar="NAME", required=True, help="Who is to run batchcancel")
def ledger(what: str, role: str) -> None:  # noqa: ARG001 - there is one thing to print
    """Print the tables of a PostgreSQL ledger and the grants for a role, as SQL for psql.

    \b
    Examples:
      1. Make a ledger for a role that may create nothing itself
         batchcancel ledger ddl --role clinic | psql -v ON_ERROR_STOP=1 clinic

    \b
    Exit codes: 0 printed, 2 usage.
    """
    from batchcancel.cli.terminal import result
    from batchcancel.ledger.open import postgres_ddl

    result(postgres_ddl(role))

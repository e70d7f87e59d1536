"""Where a task's ledger is: what it was told, or what a Connection says."""

from typing import Any
from urllib.parse import quote, urlencode

from airflow.providers.common.compat.sdk import BaseHook, Connection

from batchcancel.errors import InputError


def ledger_address(ledger: str | None, ledger_conn_id: str | None) -> str | None:
    """The address for `--ledger`; None leaves it to the manifest's name."""
    if not ledger_conn_id:
        return ledger
    if ledger:
        raise InputError(
            "both ledger and ledger_conn_id are given",
            hint="Name the ledger in one of the two. Nothing was sent.",
        )
    connection = BaseHook.get_connection(ledger_conn_id)
    if connection.conn_type == "postgres":
        return _url(connection)
    if connection.conn_type == "sqlite" and connection.host:
        return connection.host
    raise InputError(
        f"the Connection {ledger_conn_id} is no ledger",
        hint="Its type is postgres, or sqlite with the file's path as its host. Nothing was sent.",
    )


def _url(connection: Connection) -> str:
    """A URL libpq understands; a host may be a folder of sockets, several hosts, or IPv6."""
    user, password = quote(connection.login or "", ""), quote(connection.password or "", "")
    who = f"{user}:{password}@" if password else f"{user}@" if user else ""
    place = {"host": connection.host, "port": connection.port, "dbname": connection.schema}
    told = _plain(place | connection.extra_dejson)
    return f"postgresql://{who}/?{urlencode(told, quote_via=quote)}"


def _plain(values: dict[str, Any]) -> dict[str, str]:
    """What libpq could know; Airflow's extras for its own hooks are lists, tables and booleans."""
    return {
        name: str(value)
        for name, value in values.items()
        if value and isinstance(value, str | int) and not isinstance(value, bool)
    }

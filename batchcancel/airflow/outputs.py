"""Where an operator writes, and the link from its task to what it wrote."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink

from batchcancel.addresses import is_postgres
from batchcancel.airflow.batch_name import name_of, named
from batchcancel.airflow.hook import OUTPUTS, OUTPUTS_URL, connection_named
from batchcancel.errors import InputError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

_PAGES = {
    "s3": "https://console.aws.amazon.com/s3/object/{bucket}?prefix={key}",
    "gs": "https://console.cloud.google.com/storage/browser/_details/{bucket}/{key}",
}


class OutputLink(BaseOperatorLink):
    """The button that opens what the task wrote; without an address for it, it stays grey."""

    name = "Open what was written"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:  # noqa: ARG002
        return str(getattr(operator, "output_url", ""))


def place_for(operator: Any, context: "Context", *, ending: str, ledger: str | None) -> str:
    """Its `path`; else a file of the task's own name in its `folder`, the Connection's, or the
    ledger's.

    An empty text is none, as a field of a form may be left.
    """
    if operator.path:
        return str(operator.path)
    name = named(f"{name_of(context)}.{operator.task_id}") + ending
    folder = operator.folder or extra_of(operator.ledger_conn_id, OUTPUTS)
    if not folder and ledger and not is_postgres(ledger):
        folder = str(Path(ledger).parent)
    if not folder:
        raise InputError(
            f"nobody says where {name} goes",
            hint=f"Give path or folder, or the ledger's Connection the extra {OUTPUTS}.",
        )
    return f"{folder.rstrip('/')}/{name}"


def url_of(place: str, *, ledger_conn_id: str | None) -> str:
    """The address by which a person opens what was written; empty where nobody knows one."""
    folder, url = (extra_of(ledger_conn_id, one) for one in (OUTPUTS, OUTPUTS_URL))
    if folder and url and place.startswith(f"{folder.rstrip('/')}/"):
        return f"{url.rstrip('/')}/{quote(place.removeprefix(folder.rstrip('/')).lstrip('/'))}"
    stored = re.fullmatch(r"(s3|gs)://([^/]+)/(.+)", place)
    if stored is None:
        return ""
    return _PAGES[stored[1]].format(bucket=stored[2], key=quote(stored[3]))


def extra_of(conn_id: str | None, name: str) -> str:
    """An extra of a Connection, if there is one."""
    if not conn_id:
        return ""
    extras: dict[str, Any] = connection_named(conn_id, argument="ledger_conn_id").extra_dejson
    return str(extras.get(name) or "")

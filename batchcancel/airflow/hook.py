"""Airflow hook: Connections become settings, and the address of a ledger."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, Connection

from batchcancel.airflow.words import in_airflow
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.settings import quantities
from batchcancel.settings.load import (
    ApiSettings,
    Settings,
    did_you_mean,
    load_api_settings,
    load_settings,
)
from batchcancel.settings.options import BY_FIELD, KEY_VARIABLE, OPTIONS

Loaded = TypeVar("Loaded")

# The worker's environment may hold the key of another organisation.
_KEY_VARIABLES = {KEY_VARIABLE, "BATCHCANCEL_API_KEY_FILE"}

_SAID_OTHERWISE = {"ledger", "batch", "base_url", "api_key_file"}
_FOR_A_TERMINAL = {
    "yes", "json", "log_format", "progress", "dry_run", "quiet", "verbose", "metrics_file",
    "on_end",
}  # fmt: skip

FIELDS = tuple(
    option.field for option in OPTIONS if option.field not in _SAID_OTHERWISE | _FOR_A_TERMINAL
)
"""The options that an operator takes as arguments, and a Connection as extras."""

API_FIELDS = tuple(one for one in FIELDS if BY_FIELD[one].is_of_api)
"""Those of them that an operator takes which neither plans nor cancels."""

OUTPUTS, OUTPUTS_URL = "outputs", "outputs_url"
"""Extras of a ledger's Connection: a folder to write to, and the address that people open it by."""


class HuskyVoiceHook(BaseHook):
    """A Connection of type `huskyvoice`.

    Its password is the API key, which is taken from nowhere else; its host is an address such as
    https://api.huskyvoice.ai/v1, or a host name; its extras are options.
    """

    conn_name_attr = "huskyvoice_conn_id"
    default_conn_name = "huskyvoice_default"
    conn_type = "huskyvoice"
    hook_name = "HuskyVoice"

    def __init__(self, huskyvoice_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.huskyvoice_conn_id = huskyvoice_conn_id

    def get_conn(self) -> Connection:
        """The Connection itself, with a key in it; raises `InputError` when it has none."""
        connection = connection_named(self.huskyvoice_conn_id, argument="huskyvoice_conn_id")
        if not connection.password:
            raise InputError(
                f"the Connection {self.huskyvoice_conn_id} has no API key",
                hint="Put the key into its password. Nothing was sent.",
            )
        return connection

    def settings(
        self, manifest: str, *, options: dict[str, Any], job_file: str | Path | None = None
    ) -> Settings:
        """The task's options over the Connection's, over the environment's and the job file's."""
        return self._loaded(partial(load_settings, manifest), options, job_file)

    def api_settings(
        self, command: str, *, options: dict[str, Any], job_file: str | Path | None = None
    ) -> ApiSettings:
        """The same for a command that has no manifest."""
        return self._loaded(partial(load_api_settings, command), options, job_file)

    def _loaded(
        self, load: Callable[..., Loaded], options: dict[str, Any], job_file: str | Path | None
    ) -> Loaded:
        connection = self.get_conn()
        extras = connection.extra_dejson
        _require_known(extras, conn_id=self.huskyvoice_conn_id)
        environ = {name: text for name, text in os.environ.items() if name not in _KEY_VARIABLES}
        given = texts(options)
        try:
            return load(
                flags=texts({"base_url": _base_url(connection)} | extras) | given,
                environ=environ | {KEY_VARIABLE: str(connection.password)},
                job_file=Path(job_file) if job_file else None,
            )
        except InputError as error:
            message = self._of_extras(error.message, extras.keys() - given.keys())
            raise InputError(message, hint=error.hint) from None

    def words(self, text: str) -> str:
        """A sentence of the core in the words of a task with this Connection."""
        return in_airflow(text, conn_id=self.huskyvoice_conn_id)

    def _of_extras(self, mistakes: str, extras: Collection[str]) -> str:
        """The mistakes, with the Connection named in those that its extras made."""
        for one in extras:
            said = f"the extra {one} of the Connection {self.huskyvoice_conn_id}:"
            mistakes = re.sub(rf"^--{one.replace('_', '-')}:", said, mistakes, flags=re.MULTILINE)
        return mistakes

    def test_connection(self) -> tuple[bool, str]:
        """Ask the API for the organisation's settings: one request."""
        from batchcancel.airflow.thread import JobThread
        from batchcancel.commands.plan import ask_config

        try:
            settings = self.settings("connection", options={"max_attempts": 1})
            config = JobThread().run(lambda stop: ask_config(settings, stop=stop))
        except BatchcancelError as error:
            return False, self.words(f"{error.message}. {error.hint}")
        may = "does not allow" if config.allow_cancellation is False else "allows"
        return True, (
            f"{settings.origin} answers: the organisation {may} cancelling, "
            f"with {config.notice_hours} hours of notice, in {config.timezone}"
        )


def connection_named(conn_id: str, *, argument: str) -> Connection:
    """The Connection that an argument names; `InputError` where there is none, or no name."""
    if not conn_id:
        raise InputError(
            f"{argument} is empty", hint=f"Name a Connection with {argument}. Nothing was sent."
        )
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise InputError(
            f"there is no Connection {conn_id}",
            hint=f"Make it, or name another with {argument}. Nothing was sent.",
        ) from None


def _base_url(connection: Connection) -> str:
    host = connection.host or ""
    if not host or "://" in host:
        return host
    if "/" in host:
        return f"https://{host}"
    port = f":{connection.port}" if connection.port else ""
    return f"https://{host}{port}/v1"


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """The values as they would be typed, without None, empty texts and empty lists.

    A field of a form that is left empty is one of these, and means that no option is given.
    """
    nothing: tuple[Any, ...] = (None, "", [], ())
    return {name: _text(value) for name, value in values.items() if value not in nothing}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return quantities.as_words(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _require_known(extras: Collection[str], *, conn_id: str) -> None:
    """Refuse extras of a Connection that mean nothing here."""
    unknown = sorted(set(extras) - set(FIELDS))
    if unknown:
        raise InputError(
            "\n".join(
                f"Connection {conn_id}: the extra {one} is no option{meant(one)}" for one in unknown
            ),
            hint=f"Its extras can be {', '.join(FIELDS)}. Nothing was sent.",
        )


def meant(name: str) -> str:
    """A suggestion for a misspelt argument or extra; empty when none is close."""
    return did_you_mean(name).replace("-", "_")


def ledger_address(ledger: str | None, ledger_conn_id: str | None) -> str | None:
    """The address for `--ledger`; None leaves it to the manifest's name."""
    if not ledger_conn_id:
        return ledger
    if ledger:
        raise InputError(
            "both ledger and ledger_conn_id are given",
            hint="Name the ledger in one of the two. Nothing was sent.",
        )
    connection = connection_named(ledger_conn_id, argument="ledger_conn_id")
    if connection.conn_type == "postgres":
        return _url(connection)
    if connection.conn_type == "sqlite" and (path := _path(connection)):
        return path
    raise InputError(
        f"the Connection {ledger_conn_id} is no ledger",
        hint="Its type is postgres; or sqlite, with the file's path as its host, or a URI like "
        "sqlite:///srv/batches.ledger.db. Nothing was sent.",
    )


def named_ledger(ledger: str | None, ledger_conn_id: str | None) -> str:
    """The address of a ledger that has to be named."""
    if not (address := ledger_address(ledger, ledger_conn_id)):
        raise InputError("no ledger is named", hint="Give ledger or ledger_conn_id.")
    return address


def _path(connection: Connection) -> str | None:
    """The file of a SQLite ledger; of a URI with three slashes Airflow makes a schema alone."""
    host, schema = connection.host or "", connection.schema or ""
    if not host:
        return f"/{schema.lstrip('/')}" if schema else None
    return None if schema and not host.startswith("/") else host


def _url(connection: Connection) -> str:
    """A URL libpq understands; a host may be a folder of sockets, several hosts, or IPv6."""
    user, password = quote(connection.login or "", ""), quote(connection.password or "", "")
    who = f"{user}:{password}@" if password else f"{user}@" if user else ""
    place = {"host": connection.host, "port": connection.port, "dbname": connection.schema}
    told = _known(place | connection.extra_dejson)
    return f"postgresql://{who}/?{urlencode(told, quote_via=quote)}"


def _known(values: Mapping[str, Any]) -> dict[str, str]:
    """What libpq knows; the other extras are for Airflow's own hooks, and for ours."""
    from batchcancel.ledger.open import postgres_keywords

    known = postgres_keywords()
    return {
        name: str(int(value) if isinstance(value, bool) else value)
        for name, value in values.items()
        if name in known and isinstance(value, str | int) and value != ""
    }

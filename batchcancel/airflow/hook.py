"""The Connection of an organisation: its key, its address, and options that go with them."""

import os
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook, Connection

from batchcancel.airflow.task_options import require_known, texts
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.options import KEY_VARIABLE
from batchcancel.settings import Settings, load_settings

_KEY_VARIABLES = {KEY_VARIABLE, "BATCHCANCEL_API_KEY_FILE"}


class HuskyVoiceHook(BaseHook):
    """What a Connection of type `huskyvoice` says: the key is its password and comes from nowhere
    else; the host is an address like https://api.huskyvoice.ai/v1, or a name; extras are options.
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
        connection = self.get_connection(self.huskyvoice_conn_id)
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
        connection = self.get_conn()
        extras = connection.extra_dejson
        require_known(extras, conn_id=self.huskyvoice_conn_id)
        environ = {name: text for name, text in os.environ.items() if name not in _KEY_VARIABLES}
        return load_settings(
            manifest,
            flags=texts({"base_url": _base_url(connection)} | extras) | texts(options),
            environ=environ | {KEY_VARIABLE: str(connection.password)},
            job_file=Path(job_file) if job_file else None,
        )

    def test_connection(self) -> tuple[bool, str]:
        """Ask the API for the organisation's settings: one request."""
        from batchcancel.airflow.thread import JobThread
        from batchcancel.commands.plan import ask_config

        try:
            settings = self.settings("connection", options={"max_attempts": 1})
            config = JobThread().run(lambda stop: ask_config(settings, stop=stop))
        except BatchcancelError as error:
            return False, f"{error.message}. {error.hint}"
        may = "does not allow" if config.allow_cancellation is False else "allows"
        return True, (
            f"{settings.origin} answers: the organisation {may} cancelling, "
            f"with {config.notice_hours} hours of notice, in {config.timezone}"
        )


def _base_url(connection: Connection) -> str:
    host = connection.host or ""
    if not host or "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    return f"https://{host}{port}/v1"

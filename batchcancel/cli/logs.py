"""The log on stderr, by structlog; configured only where nobody did before."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from batchcancel.settings import Secret, Settings


def logger(settings: Settings) -> Any:
    """A logger in the format asked for, that cannot write the key."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not structlog.is_configured():
        _configure(settings)
    return structlog.get_logger("batchcancel")


def _configure(settings: Settings) -> None:
    renderer: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            Redactor(settings.api_key),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=True,
    )


class Redactor:
    """Takes the key out of every text, whoever put it there."""

    def __init__(self, key: Secret) -> None:
        self._key = key.reveal()

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for name, value in event.items():
            if isinstance(value, str) and self._key in value:
                event[name] = value.replace(self._key, "***")
        return event


class _Stderr:
    """Writes lines; a log that nobody reads any more stops nothing."""

    def msg(self, message: str) -> None:
        try:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    info = warning = error = debug = critical = msg

"""The log on stderr, by structlog; configured only where nobody did before."""

import json
import logging
import sys
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
            structlog.processors.format_exc_info if settings.log_format == "json" else _as_it_is,
            renderer,
            Redactor(settings.api_key),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=True,
    )


def _as_it_is(_logger: Any, _method: str, event: Any) -> Any:
    return event


class Redactor:
    """Takes the key out of the finished line, wherever in it somebody put it; so it comes last."""

    def __init__(self, key: Secret) -> None:
        text = key.reveal()
        self._spellings = {text, json.dumps(text)[1:-1], repr(text)[1:-1]}

    def __call__(self, _logger: Any, _method: str, line: Any) -> str:
        text = str(line)
        for spelling in self._spellings:
            text = text.replace(spelling, "***")
        return text


class _Stderr:
    """Writes lines; a log that nobody reads any more stops nothing."""

    def msg(self, message: str) -> None:
        try:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    info = warning = error = debug = critical = msg

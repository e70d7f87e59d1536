"""A run that gives its worker's slot back while the rate limit's window is full."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator, conf

from batchcancel.addresses import is_postgres
from batchcancel.airflow.trigger import SlotsFree
from batchcancel.clock import utc_now
from batchcancel.errors import InputError, WindowFull
from batchcancel.settings.load import Settings

SHORTEST_S = 60.0
"""A shorter window is waited for: it takes seconds to begin another slice."""


def is_deferred(asked: bool | None, settings: Settings, *, log: Any) -> bool:  # noqa: FBT001 - as Airflow calls it
    """Whether to wait elsewhere, as was `asked`; None leaves it to Airflow's configuration.

    The next slice may be another worker's, which finds what this one knows in a database alone.
    """
    by_default = conf.getboolean("operators", "default_deferrable", fallback=False)
    if not (by_default if asked is None else asked):
        return False
    if not is_postgres(settings.ledger):
        why = "the ledger is no PostgreSQL database, where another worker could find it"
        if asked:
            raise InputError(
                f"deferrable is given, and {why}",
                hint="Name one with --ledger, or leave deferrable out. Nothing was sent.",
            )
        log.info("Not deferred: %s.", why)
        return False
    if settings.rate.is_unlimited or settings.rate.window < SHORTEST_S:
        log.info("Not deferred: at a rate of %s no wait is worth it.", settings.rate)
        return False
    return True


def defer(operator: BaseOperator, full: WindowFull, event: Mapping[str, Any] | None) -> NoReturn:
    """Defer until slots are free; `event` is that of the pause before, None in the first slice.

    The task's `execution_timeout` counts from the beginning of its first slice.
    """
    now = utc_now()
    until = full.until or now
    began = datetime.fromisoformat(event["began"]) if event else now
    left = operator.execution_timeout and operator.execution_timeout - (now - began)
    operator.log.info("%s: the task goes on at %s.", full.message, until.isoformat(" ", "seconds"))
    operator.defer(
        trigger=SlotsFree(until.isoformat(), {"after": full.run_id, "began": began.isoformat()}),
        method_name="execute_complete",
        timeout=left and max(left, timedelta(0)),
    )

"""Asset events of a task: what it did, in numbers, for the Dags that wait for it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import Asset, AssetAlias, BaseOperator

_FOR_PEOPLE = {"text", "doubts", "unused"}
_AS_IT_IS = "/:@+="  # the rest is percent-encoded: an asset's name is ASCII


def tell_outlets(task: BaseOperator, context: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Put the numbers beside the event of each asset among the task's `outlets`.

    An `AssetAlias` becomes an event of what was written, where anything was.
    """
    extra = {name: value for name, value in told.items() if name not in _FOR_PEOPLE}
    for outlet in task.outlets:
        event = context["outlet_events"][outlet]
        written = told.get("manifest") or told.get("path")
        if isinstance(outlet, AssetAlias) and written:
            event.add(Asset(quote(str(written), safe=_AS_IT_IS)), extra=extra)
        elif not isinstance(outlet, AssetAlias):
            event.extra.update(extra)

"""Airflow integration: a Connection type, and operators for what can be typed.

Airflow reads the provider metadata while it is being imported itself, so the names here are
imported when they are asked for. polars and httpx are imported when a task is executed: Dag files
are parsed all the time, and polars must not be loaded before Airflow forks.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchcancel.airflow.account import BatchExportOperator, BatchReportOperator
    from batchcancel.airflow.approval_step import approval, approval_params
    from batchcancel.airflow.arrivals import ManifestTrigger
    from batchcancel.airflow.batch_name import named
    from batchcancel.airflow.hook import HuskyVoiceHook
    from batchcancel.airflow.looking import BatchFindOperator, BatchVerifyOperator
    from batchcancel.airflow.operators import BatchCancelOperator, BatchPlanOperator

__all__ = [
    "BatchCancelOperator",
    "BatchExportOperator",
    "BatchFindOperator",
    "BatchPlanOperator",
    "BatchReportOperator",
    "BatchVerifyOperator",
    "HuskyVoiceHook",
    "ManifestTrigger",
    "approval",
    "approval_params",
    "named",
]

# No module may have one of these names: once imported, it would hide the name.
_HOMES = {
    "BatchCancelOperator": "operators",
    "BatchExportOperator": "account",
    "BatchFindOperator": "looking",
    "BatchPlanOperator": "operators",
    "BatchReportOperator": "account",
    "BatchVerifyOperator": "looking",
    "HuskyVoiceHook": "hook",
    "ManifestTrigger": "arrivals",
    "approval": "approval_step",
    "approval_params": "approval_step",
    "named": "batch_name",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

"""Human approval before a write: Airflow's own operator where it has one, else a Dag param."""

from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowOptionalProviderFeatureException,
    BaseOperator,
    Param,
)
from airflow.providers.standard.operators.python import ShortCircuitOperator


def approval(task_id: str, *, subject: str, body: str) -> BaseOperator:
    """A step that waits for approval: in Airflow from 3.1 on, else by `approval_params`.

    Without approval the tasks after it are skipped.
    """
    kind = _approval_operator()
    if kind is None:
        return ShortCircuitOperator(task_id=task_id, python_callable=_is_approved)
    return kind(task_id=task_id, subject=subject, body=body)


def approval_params() -> dict[str, Param]:
    """The Dag param to approve with, where Airflow has no operator for it; else empty."""
    if _approval_operator() is not None:
        return {}
    return {"approved": Param(False, type="boolean", title="Approved: cancel without a question")}


def _approval_operator() -> type[BaseOperator] | None:
    try:
        from airflow.providers.standard.operators.hitl import ApprovalOperator
    except (ImportError, AirflowOptionalProviderFeatureException):
        return None
    return ApprovalOperator


def _is_approved(params: dict[str, Any]) -> bool:
    return bool(params["approved"])

"""Somebody's approval: a step that waits for a person, where Airflow has one."""

from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowOptionalProviderFeatureException,
    BaseOperator,
    Param,
)
from airflow.providers.standard.operators.python import ShortCircuitOperator


def approval(task_id: str, *, subject: str, body: str) -> BaseOperator:
    """From Airflow 3.1 on a required action; before that the Param of `approval_params`.

    Without approval what comes after it is skipped.
    """
    kind = _approval_operator()
    if kind is None:
        return ShortCircuitOperator(task_id=task_id, python_callable=_is_approved)
    return kind(task_id=task_id, subject=subject, body=body)


def approval_params() -> dict[str, Param]:
    """The field the form needs where there is no step to approve in."""
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

"""Human approval before a write: Airflow's own operator where it has one, else a Dag param."""

import inspect
from typing import Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    BaseOperator,
    Param,
)
from airflow.providers.standard.operators.python import ShortCircuitOperator


def approval(task_id: str, *, subject: str, body: str, **kwargs: Any) -> BaseOperator:
    """A step that waits for approval: in Airflow from 3.1 on, else by `approval_params`.

    A rejection fails it, so that a run that was rejected is none that succeeded; with
    `fail_on_reject=False` it skips the tasks after it. It asks once, whatever the Dag's retries
    are. What else Airflow's operator takes is passed on: `assigned_users`, `response_timeout`,
    `notifiers` and so on; an Airflow that cannot ask does without them.
    """
    kwargs = {"retries": 0, "fail_on_reject": True} | kwargs
    if (kind := _approval_operator()) is not None:
        return kind(task_id=task_id, subject=subject, body=body, **kwargs)
    known = inspect.signature(BaseOperator.__init__).parameters
    return ShortCircuitOperator(
        task_id=task_id,
        python_callable=_is_approved,
        op_kwargs={"fail_on_reject": kwargs["fail_on_reject"]},
        **{name: value for name, value in kwargs.items() if name in known},
    )


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


def _is_approved(params: dict[str, Any], fail_on_reject: bool) -> bool:  # noqa: FBT001
    if fail_on_reject and not params["approved"]:
        raise AirflowFailException("it was not approved on the form")
    return bool(params["approved"])

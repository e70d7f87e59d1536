import sys
from datetime import timedelta

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.exceptions import AirflowFailException

from batchcancel.airflow import approval, approval_params


@pytest.fixture
def earlier_airflow(monkeypatch):
    """Airflow before 3.1: there is no step that waits for a person."""
    monkeypatch.setitem(sys.modules, "airflow.providers.standard.operators.hitl", None)


def test_somebody_is_asked_once_where_airflow_can_ask():
    step = approval("ask", subject="Cancel?", body="600")
    assert isinstance(step, ApprovalOperator)
    assert (0, True) == (step.retries, step.fail_on_reject)
    assert {} == approval_params()


def test_all_that_airflow_s_operator_knows_is_passed_on():
    told, someone = [], {"id": "1", "name": "someone"}

    class Notifier(BaseNotifier):
        def notify(self, context):
            told.append(context)

    given = {
        "assigned_users": [someone],
        "response_timeout": timedelta(hours=1),
        "fail_on_reject": False,
        "notifiers": [Notifier()],
        "defaults": ["Reject"],
        "ignore_downstream_trigger_rules": True,
        "retries": 2,
        "doc_md": "who is asked",
    }
    step = approval("ask", subject="Cancel?", body="600", **given)
    assert given == {name: getattr(step, name) for name in given}


@pytest.mark.usefixtures("earlier_airflow")
def test_an_earlier_airflow_has_a_field_on_the_form_that_is_not_ticked():
    given = {"response_timeout": timedelta(hours=1), "doc_md": "who is asked"}
    step = approval("ask", subject="Cancel?", body="600", **given)
    assert isinstance(step, ShortCircuitOperator)
    assert (0, "who is asked") == (step.retries, step.doc_md)
    assert approval_params()["approved"].value is False
    assert step.python_callable({"approved": True}, **step.op_kwargs)
    with pytest.raises(AirflowFailException, match="not approved on the form"):
        step.python_callable({"approved": False}, **step.op_kwargs)


@pytest.mark.usefixtures("earlier_airflow")
def test_an_earlier_airflow_skips_what_was_not_approved_where_that_is_wanted():
    step = approval("ask", subject="Cancel?", body="600", fail_on_reject=False)
    assert not step.python_callable({"approved": False}, **step.op_kwargs)

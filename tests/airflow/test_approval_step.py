import sys

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import ShortCircuitOperator

from batchcancel.airflow import approval, approval_params


@pytest.fixture
def earlier_airflow(monkeypatch):
    """Airflow before 3.1: there is no step that waits for a person."""
    monkeypatch.setitem(sys.modules, "airflow.providers.standard.operators.hitl", None)


def test_somebody_is_asked_where_airflow_can_ask():
    assert isinstance(approval("ask", subject="Cancel?", body="600"), ApprovalOperator)
    assert {} == approval_params()


@pytest.mark.usefixtures("earlier_airflow")
def test_an_earlier_airflow_has_a_field_on_the_form_that_is_not_ticked():
    step = approval("ask", subject="Cancel?", body="600")
    assert isinstance(step, ShortCircuitOperator)
    assert approval_params()["approved"].value is False
    assert [False, True] == [step.python_callable({"approved": one}) for one in (False, True)]

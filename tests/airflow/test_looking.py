from urllib.parse import unquote

import polars as pl
import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from batchcancel.airflow import BatchCancelOperator, BatchFindOperator, BatchVerifyOperator
from batchcancel.airflow.hook import API_FIELDS
from batchcancel.sandbox import Fault
from tests.airflow.tasks import BATCH, Executed
from tests.e2e.stage import FAR

DAY = FAR.isoformat()
LEDGER = "batchcancel_ledger"


@pytest.fixture
def find(stage, organisation):
    organisation()

    def find(task_id="find", **given):
        named = {"date": DAY, "folder": str(stage.folder)} | given
        return Executed(BatchFindOperator(task_id=task_id, **named))

    return find


@pytest.fixture
def verify(ledger):
    return lambda **given: Executed(
        BatchVerifyOperator(task_id="verify", ledger_conn_id=LEDGER, **given)
    )


@pytest.fixture
def closed(stage, organisation, ledger):
    """A batch of two that is done."""
    organisation()
    stage.closure(2)
    manifest = str(stage.folder / "closure.csv")
    return Executed(BatchCancelOperator(task_id="c", manifest=manifest, ledger_conn_id=LEDGER)).told


@pytest.mark.parametrize("operator", [BatchFindOperator, BatchVerifyOperator])
def test_connections_ledger_and_options_are_templated(operator):
    templated = {"huskyvoice_conn_id", "ledger", "ledger_conn_id", *API_FIELDS}
    assert templated <= set(operator.template_fields)


def test_a_day_becomes_a_manifest_that_is_called_by_the_run_and_the_task(stage, find):
    stage.book("a1", "a2", "a3")
    told = find().told
    assert str(stage.folder / f"{BATCH}.find.csv") == told["manifest"]
    assert (3, 0) == (told["found"], told["exit_code"])
    assert ["a1", "a2", "a3"] == pl.read_csv(told["manifest"])["appointment_id"].to_list()


def test_filters_are_a_text_or_several_and_an_empty_field_of_a_form_is_none(stage, find):
    stage.book("a1")
    stage.book("a2", session="Evening")
    assert 2 == find(session="", branch="", to="").told["found"]
    assert 1 == find(session="Evening").told["found"]
    assert 2 == find(session=["Morning", "Evening"]).told["found"]


def test_a_day_without_appointments_is_a_skip_where_that_is_wanted(stage, find):
    assert find().told["manifest"] is None
    with pytest.raises(AirflowSkipException):
        find(skip_nothing=True)
    assert [] == [*stage.folder.glob("*.csv")]


@pytest.mark.parametrize("given", [{"date": "Friday"}, {"to": "2020-01-01"}, {"folder": None}])
def test_what_cannot_be_found_fails_without_another_try_and_asks_nobody(stage, find, given):
    with pytest.raises(AirflowFailException):
        find(**given)
    assert 0 == stage.arrivals


@pytest.mark.usefixtures("closed")
def test_a_sweep_finds_what_was_booked_meanwhile_and_that_needs_a_person(stage, find):
    sweep = {"not_in_ledger": True, "ledger_conn_id": LEDGER, "folder": None}
    assert 0 == find("sweep", **sweep, path=str(stage.folder / "s.csv")).told["found"]
    stage.book("late")
    with pytest.raises(AirflowFailException, match="somebody must look"):
        find("sweep", **sweep, path=str(stage.folder / "s.csv"))
    told = find("sweep", **sweep, path=str(stage.folder / "s.csv"), allow_failures=True).told
    assert (1, 4) == (told["found"], told["exit_code"])


def test_a_sweep_without_a_ledger_is_refused(find):
    with pytest.raises(AirflowFailException, match="no ledger is named"):
        find(not_in_ledger=True)


def test_counts_go_to_the_assets_and_an_alias_becomes_the_manifest(stage, find):
    stage.book("a1")
    asset, alias = Asset("closed_days"), AssetAlias("manifests")
    (folder := stage.folder / "médecins").mkdir()
    found = find(outlets=[asset, alias], folder=str(folder))
    assert (1, found.told["manifest"]) == (
        found.events[asset].extra["found"],
        found.events[asset].extra["manifest"],
    )
    [event] = found.events[alias].asset_alias_events
    assert found.told["manifest"] == unquote(event.dest_asset_key.uri) == event.extra["manifest"]
    assert "text" not in event.extra


def test_what_is_cancelled_still_is_no_drift(closed, verify):
    told = verify(batch=closed["batch"]).told
    assert (2, 0, 0) == (told["cancelled"], told["drift"], told["exit_code"])


def test_drift_needs_a_person_and_is_written_as_a_manifest(stage, closed, verify):
    stage.sandbox.staff.confirm("a001")
    drift = stage.folder / "drift.csv"
    with pytest.raises(AirflowFailException, match="1 are not cancelled any more"):
        verify(batch=closed["batch"], path=str(drift))
    assert ["a001"] == pl.read_csv(drift)["appointment_id"].to_list()
    assert 1 == verify(batch=closed["batch"], allow_failures=True).told["alive"]


def test_an_api_that_does_not_answer_is_asked_again_later(stage, closed, verify):
    stage.sandbox.faults.add(Fault("status", status=503), times=None)
    with pytest.raises(AirflowException) as caught:
        verify(batch=closed["batch"], max_attempts=1)
    assert AirflowException is caught.type


def test_a_batch_that_is_not_in_the_ledger_is_told(closed, verify):
    with pytest.raises(AirflowFailException, match="no batch other"):
        verify(batch="other")

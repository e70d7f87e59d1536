"""The closure's form as a person and as a program start it: Airflow's page, and its API."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from tests.airflow.browser import page
from tests.e2e.stage import FAR

TRIGGER, APPROVE = "[data-testid=trigger-dag-submit]", "[data-testid=hitl-option-Approve]"
NOTES = "Clinic closed. Please book a new appointment."
"""Those of the job file."""


@pytest.fixture(scope="module", autouse=True)
def _can_be_started(airflow):
    airflow.unpause("clinic_closure")


def notes_sent(stage, ids):
    """The notes that went with each cancellation of these."""
    sent = {
        one.path.rpartition("/")[2]: one.body.get("notes")
        for one in stage.sandbox.history.patches()
    }
    return {one: sent[one] for one in ids if one in sent}


@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no browser")
def test_a_closure_is_started_with_empty_fields_and_approved_of_on_the_page(airflow, stage):
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    stage.book("p1", "p2", day=FAR)
    stage.book("soon", day=tomorrow)
    manifest = stage.folder / "page.csv"
    manifest.write_text("appointment_id\np1\np2\nsoon\n")
    with page() as shown:
        shown.open(f"{airflow.url}/dags/clinic_closure")
        shown.click("[data-testid=trigger-dag-button]")
        shown.type("#element_manifest", str(manifest))
        shown.type("[name=element_notice_hours]", "48")
        for field in ("notes", "max_cancel"):
            shown.type(f"#element_{field}", "1")
            shown.type(f"#element_{field}", "")
        shown.until(f"!document.querySelector('{TRIGGER}').disabled")
        shown.click(TRIGGER)
        run = airflow.until_started("clinic_closure")
        airflow.until_asked(run, "approve")
        run_id = run.rpartition("/")[2]
        shown.open(
            f"{airflow.url}/dags/clinic_closure/runs/{run_id}/tasks/approve/required_actions"
        )
        shown.until(f"!!document.querySelector('{APPROVE}')")
        said = shown.tell(
            "[...document.querySelectorAll('blockquote, td')].map(one => one.innerText)"
        )
        eligible = said.index("eligible")
        assert ["2", "to be cancelled"] == said[eligible + 1 : eligible + 3]
        warned = next(
            at for at, one in enumerate(said) if "inside the notice window of 48 h" in one
        )
        assert warned < eligible
        shown.click(APPROVE)
        airflow.until_success(run)
    assert {"p1": NOTES, "p2": NOTES} == notes_sent(stage, ["p1", "p2", "soon"])


def test_a_closure_is_started_and_approved_of_by_programs_with_null_for_what_is_not_said(
    airflow, stage
):
    stage.book("a1", "a2", day=FAR)
    manifest = stage.write("api.csv", ["a1", "a2"])
    run = airflow.start(
        "clinic_closure", manifest=str(manifest), notes=None, max_cancel=None, notice_hours=None
    )
    airflow.until_asked(run, "approve")
    airflow.answer(run, "approve", "Approve")
    airflow.until_success(run)
    assert {"a1": NOTES, "a2": NOTES} == notes_sent(stage, ["a1", "a2"])


def test_the_page_knows_the_types_of_a_ledger_s_connection(airflow):
    assert {"huskyvoice", "postgres", "sqlite"} <= airflow.connection_types()

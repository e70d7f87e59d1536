import json
import subprocess
import sys
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import polars as pl
import pytest
from airflow.dag_processing.dagbag import DagBag

from batchcancel.airflow import named
from tests.airflow.dag_runs import NIGHT, dag_named, events, run, somebody_answers, tries_of, xcom
from tests.airflow.home import BUNDLES, ROOT
from tests.e2e.stage import FAR

JOBS = sorted(BUNDLES["jobs"].glob("*.py"))

pytestmark = pytest.mark.usefixtures("tables", "ledger")


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_a_dag_is_imported_without_a_warning_and_called_like_its_file(job):
    bag = DagBag(job)
    assert {job.stem} == bag.dags.keys()
    assert ({}, {}) == (bag.import_errors, bag.captured_warnings)


def test_reading_the_dags_loads_nothing_that_is_needed_only_in_a_task():
    code = (
        "import runpy, sys\n"
        f"for path in {[str(job) for job in JOBS]}: runpy.run_path(path)\n"
        "print([one for one in sys.modules if one.startswith(('polars', 'batchcancel.husky'))])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert "[]" == told.stdout.splitlines()[-1]


def test_a_closure_is_planned_approved_cancelled_and_the_others_are_listed(stage, organisation):
    organisation()
    ids = stage.closure(4)
    manifest = stage.write("closure.csv", [*ids, "unknown"])
    with somebody_answers("Approve") as shown:
        state, tasks, run_id = run("clinic_closure", manifest=str(manifest))
    assert ("success", {"success"}) == (state, set(tasks.values()))
    assert "Cancel 5 appointments?" in shown[0]
    assert "| eligible | 5 | to be cancelled |" in shown[0]
    assert sorted(ids) == sorted(stage.cancellations())
    assert 4 == xcom(run_id, "cancel")["cancelled"]
    written = {one: xcom(run_id, one)["path"] for one in ("export_not_cancelled", "report")}
    assert ["unknown"] == pl.read_csv(written["export_not_cancelled"])["appointment_id"].to_list()
    assert "4 of 5 rows are cancelled" in Path(written["report"]).read_text()
    assert {named(f"clinic_closure@{run_id}.{one}") for one in written} == {
        Path(path).stem for path in written.values()
    }


def test_each_run_has_a_list_of_its_own_where_form_or_connection_say_and_a_link_to_it(
    stage, organisation, ledger, connect
):
    organisation()
    stage.closure(1)
    (there := stage.folder / "lists").mkdir()
    manifest = str(stage.folder / "closure.csv")
    with somebody_answers("Approve"):
        run("clinic_closure", manifest=manifest, folder=str(there))
    extra = {"outputs": str(there), "outputs_url": "https://files.example"}
    connect("batchcancel_ledger", conn_type="sqlite", host=str(ledger), extra=extra)
    with somebody_answers("Approve"):
        _, _, run_id = run("clinic_closure", manifest=manifest)
    assert 2 == len([*there.glob("*.csv")]) == len([*there.glob("*.html")])
    link = xcom(run_id, "report", key="_link_OutputLink")
    assert link == f"https://files.example/{quote(Path(xcom(run_id, 'report')['path']).name)}"


def test_a_closure_that_is_rejected_cancels_nothing_and_is_no_success(stage, organisation):
    organisation()
    stage.closure(2)
    with somebody_answers("Reject"):
        state, tasks, _ = run("clinic_closure", manifest=str(stage.folder / "closure.csv"))
    assert ("failed", "failed", "upstream_failed") == (state, tasks["approve"], tasks["cancel"])
    assert [] == stage.patched()


def test_a_closure_is_asked_about_once_and_not_for_ever():
    step = dag_named("clinic_closure").get_task("approve")
    assert (0, timedelta(hours=12)) == (step.retries, step.response_timeout)


@pytest.mark.parametrize(
    "left",
    [{"notes": None, "max_cancel": None, "notice_hours": None}, {"notes": "", "max_cancel": ""}],
    ids=["null", "empty"],
)
def test_a_closure_whose_form_was_left_empty_sends_the_notes_of_its_job(stage, organisation, left):
    organisation()
    stage.closure(1)
    files = {"manifest": stage.folder / "closure.csv"}
    with somebody_answers("Approve"):
        state, *_ = run("clinic_closure", **{name: str(one) for name, one in files.items()}, **left)
    [sent] = stage.sandbox.history.patches()
    assert ("success", "Clinic closed") == (state, sent.body["notes"][:13])


def test_a_closure_whose_manifest_is_replaced_while_somebody_reads_the_plan_cancels_nothing(
    stage, organisation
):
    organisation()
    ids = stage.closure(5)
    manifest = stage.write("closure.csv", ids[:2])
    with somebody_answers("Approve", meanwhile=lambda: stage.write("closure.csv", ids)) as shown:
        state, tasks, run_id = run("clinic_closure", manifest=str(manifest))
    assert "Cancel 2 appointments?" in shown[0]
    assert ("failed", "failed", 1) == (state, tasks["cancel"], tries_of(run_id))
    assert [] == stage.patched()


# From a day alone to its report


@pytest.fixture
def chat(connect):
    """What a chat is told, by the webhook of the Connection."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        url = f"http://127.0.0.1:{server.server_port}/never_to_be_shown"
        connect("batchcancel_chat", conn_type="http", password=url)
        yield told
        server.shutdown()


def test_a_day_is_found_closed_swept_and_reported(stage, organisation, chat):
    organisation()
    ids = [f"a{number}" for number in range(4)]
    stage.book(*ids)
    with somebody_answers("Approve") as shown:
        state, tasks, run_id = run("find_and_close", date=f"{FAR}")
    assert ("success", {"success"}) == (state, set(tasks.values()))
    assert "Cancel 4 appointments?" in shown[0]
    assert ids == sorted(stage.cancellations())
    assert 0 == xcom(run_id, "sweep")["found"]
    assert "4 of 4 rows are cancelled" in Path(xcom(run_id, "report")["path"]).read_text()
    assert [] == chat


def test_what_is_booked_meanwhile_fails_the_run_is_told_and_reported(stage, organisation, chat):
    organisation()
    stage.book("a1")
    with somebody_answers("Approve", meanwhile=lambda: stage.book("late")):
        state, tasks, run_id = run("find_and_close", date=f"{FAR}")
    assert ("failed", "failed", "success") == (state, tasks["sweep"], tasks["report"])
    assert ["a1"] == stage.patched()
    [told] = chat
    assert "sweep failed" in told
    assert told.endswith("1 are cancelled.")
    assert (
        1 == pl.read_csv(xcom(run_id, "report")["path"].replace("report.html", "sweep.csv")).height
    )


def test_a_day_without_appointments_is_skipped_with_all_that_follows(stage, organisation, chat):
    organisation()
    state, tasks, _ = run("find_and_close", date=f"{FAR}")
    assert ("success", {"skipped"}) == (state, set(tasks.values()))
    assert [] == chat


def test_a_day_that_is_rejected_cancels_nothing_and_has_no_report(stage, organisation, chat):
    organisation()
    stage.book("a1")
    with somebody_answers("Reject"):
        state, tasks, _ = run("find_and_close", date=f"{FAR}")
    assert ("failed", "skipped", []) == (state, tasks["report"], stage.patched())


# Every night


def test_a_night_cancels_what_was_marked_and_a_second_start_sends_nothing(stage, organisation):
    organisation()
    ids = stage.closure(3)
    stage.write(f"marked-{NIGHT}.csv", ids)
    for _ in range(2):
        state, tasks, run_id = run("nightly", folder=str(stage.folder))
        assert ("success", {"success"}) == (state, set(tasks.values()))
    assert sorted(ids) == sorted(stage.patched())
    assert "3 of 3 rows are cancelled" in Path(xcom(run_id, "report")["path"]).read_text()
    assert {"nightly": 3} == {
        one["batch"][:7]: one["cancelled"] for one in events("batchcancel_nights")
    }


def test_a_night_without_a_manifest_is_skipped(stage, organisation):
    organisation()
    state, tasks, _ = run("nightly", folder=str(stage.folder))
    assert ("success", "skipped", "skipped") == (state, tasks["cancel"], tasks["report"])


DONE = ("cancel", "report")


def test_an_event_without_a_file_is_told_and_starts_nothing_where_no_other_has_one():
    arrived = dag_named("on_arrival").get_task("arrived").python_callable

    def of(*extras):
        return arrived({"batchcancel_manifests": [SimpleNamespace(extra=one) for one in extras]})

    file = {"manifest": "s3://closures/monday.csv"}
    assert [file | {"batch": named(file["manifest"])}] == of({}, file, {"payload": file})
    with pytest.raises(ValueError, match="give it"):
        of({})


def test_every_organisation_of_a_group_is_cancelled_with_its_own_key(stage, organisation):
    keys = {name: organisation(f"huskyvoice_{name}") for name in ("north", "south")}
    for name, ids in {"north": ["n1", "n2"], "south": ["s1"]}.items():
        stage.book(*ids)
        folder = f"{NIGHT}/huskyvoice_{name}"
        (stage.folder / folder).mkdir(parents=True)
        for one in ids:
            stage.write(f"{folder}/{one}.csv", [one])
    state, tasks, _ = run("clinic_group", folder=str(stage.folder))
    mapped = {name for name in tasks if name.endswith("]")}
    north = {f"huskyvoice_north.{one}[{index}]" for one in DONE for index in (0, 1)}
    assert ("success", north | {f"huskyvoice_south.{one}[0]" for one in DONE}) == (state, mapped)
    assert 3 == len([*stage.folder.glob("*.html")])
    used = {one.path.rpartition("/")[2]: one.key for one in stage.sandbox.history.patches()}
    assert used == {"n1": keys["north"], "n2": keys["north"], "s1": keys["south"]}


def test_a_manifest_that_comes_late_sends_nothing_of_the_others_again(stage, organisation):
    for name in ("north", "south"):
        organisation(f"huskyvoice_{name}")
    folder = f"{NIGHT}/huskyvoice_north"
    (stage.folder / folder).mkdir(parents=True)
    stage.book("a", "b", "c")
    for one in ("a", "c"):
        stage.write(f"{folder}/{one}.csv", [one])
    first, *_ = run("clinic_group", folder=str(stage.folder))
    stage.write(f"{folder}/b.csv", ["b"])
    second, *_ = run("clinic_group", folder=str(stage.folder))
    assert ("success", "success") == (first, second)
    assert ["a", "b", "c"] == sorted(stage.patched())


def test_every_organisation_of_a_group_has_a_pool_of_its_own():
    tasks = dag_named("clinic_group").tasks
    cancelling = [one for one in tasks if one.task_id.endswith(".cancel")]
    connections = [one.huskyvoice_conn_id for one in cancelling]
    assert connections == [one.pool for one in cancelling]
    assert 2 == len(set(connections))


def test_an_organisation_without_a_manifest_is_skipped(stage, organisation):
    for name in ("north", "south"):
        organisation(f"huskyvoice_{name}")
    state, tasks, _ = run("clinic_group", folder=str(stage.folder))
    assert ("success", "skipped") == (state, tasks["huskyvoice_north.cancel"])

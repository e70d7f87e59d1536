"""Dags of `jobs/` as they are copied into a Dag folder, in a whole Airflow that starts them."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from batchcancel.sandbox import Clinic, Rate, Sandbox, serving
from tests.airflow.home import BUNDLES, bundles
from tests.airflow.standalone import standalone
from tests.e2e.stage import Stage
from tests.postgres import postgres

__all__ = ["postgres"]

ORGANISATIONS = tuple(f"huskyvoice_{number:02}" for number in range(20))
LIMIT, SECONDS = 10, 5
ROWS = 8
"""With what a plan asks, more than a key may ask in one window."""

NIGHT = (datetime.now(UTC) + timedelta(hours=5.5 - 2)).date()
"""The latest night at two o'clock in India."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("night")
    sandbox = Sandbox(Clinic(appointments=0), rate=Rate(limit=LIMIT, seconds=SECONDS))
    with serving(sandbox) as url:
        stage = Stage(folder, sandbox, url)
        yield stage
        stage.close()


@pytest.fixture(scope="module")
def connections(stage, postgres):
    """Those of all organisations, each with a key of its own, and of the ledger."""
    made = {"batchcancel_ledger": postgres.database()}
    for conn_id in ("huskyvoice_default", *ORGANISATIONS):
        key = stage.new_key("appointments:read", "appointments:write", "slots:read")
        made[conn_id] = json.dumps(
            {"conn_type": "huskyvoice", "host": stage.url, "password": key,
             "extra": {"rate": f"{LIMIT}/{SECONDS}s"}}
        )  # fmt: skip
    return {f"AIRFLOW_CONN_{name.upper()}": text for name, text in made.items()}


@pytest.fixture(scope="module")
def night(stage):
    """What each organisation wants to cancel this night, in one file, three of them in two."""
    wanted = {}
    for number, organisation in enumerate(ORGANISATIONS):
        folder = stage.folder / "group" / f"{NIGHT}" / organisation
        folder.mkdir(parents=True)
        for part in range(2 if number < 3 else 1):
            ids = [f"o{number:02}p{part}r{row}" for row in range(ROWS)]
            stage.book(*ids)
            stage.write(str(folder / f"part{part}.csv"), ids)
            wanted |= dict.fromkeys(ids, organisation)
    return wanted


@pytest.fixture(scope="module")
def airflow(stage, tables, connections, night, tmp_path_factory):
    """It has copies of the Dags with other folders and organisations, and is in more of a hurry."""
    dags = tmp_path_factory.mktemp("dags")
    (stage.folder / "arrivals").mkdir()
    changed = {
        "clinic_group.py": {
            '("huskyvoice_north", "huskyvoice_south")': repr(ORGANISATIONS),
            "/srv/batchcancel/group": str(stage.folder / "group"),
            "timedelta(minutes=5)": "timedelta(seconds=5)",
        },
        "on_arrival.py": {
            "ManifestTrigger(": "ManifestTrigger(every=1.0, ",
            "timedelta(minutes=5)": "timedelta(seconds=5)",
        },
    }
    for name, words in changed.items():
        text = (BUNDLES["jobs"] / name).read_text()
        for before, after in words.items():
            assert before in text
            text = text.replace(before, after)
        (dags / name).write_text(text)
    shutil.copy(BUNDLES["jobs"] / "nightly.toml", dags)
    home = tmp_path_factory.mktemp("airflow") / "home"
    more = {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": bundles({"jobs": dags}),
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "MANIFESTS_ARRIVE_IN": str(stage.folder / "arrivals"),
    }
    with standalone(home, tables, **connections, **more) as airflow:
        airflow.until_ready("clinic_group")
        airflow.until_ready("on_arrival")
        for one in ORGANISATIONS:
            airflow.make_pool(one, slots=1)
        yield airflow
    for path in home.rglob("*"):
        if path.is_file():
            stage.require_secrecy(path.read_bytes())


def cancelled(stage, ids):
    return {one: count for one, count in stage.cancellations().items() if one in ids}


@pytest.mark.promise(7)
def test_a_group_of_twenty_that_is_unpaused_does_the_last_night_in_one_run_without_a_refusal(
    airflow, stage, night
):
    airflow.unpause("clinic_group")
    for quarter in (1, 2, 3):  # that is how patient one wait is with a busy machine
        airflow.wait_until(lambda: len(cancelled(stage, night)) >= quarter * len(night) // 4)  # noqa: B023
    [run] = airflow.runs("clinic_group")
    airflow.until_success(run)
    assert dict.fromkeys(night, 1) == cancelled(stage, night)
    assert (0, True) == (stage.sandbox.history.rate_limited, stage.sandbox.most_arrivals <= LIMIT)
    used = {one.path.rpartition("/")[2]: one.key for one in stage.sandbox.history.patches()}
    keys = {organisation: {used[one] for one in night if night[one] == organisation}
            for organisation in ORGANISATIONS}  # fmt: skip
    assert [1] * 20 == [len(one) for one in keys.values()]
    assert 20 == len(set.union(*keys.values()))


def test_no_two_tasks_of_an_organisation_ran_at_once_and_organisations_did(airflow):
    [run] = airflow.runs("clinic_group")
    tasks = [one for one in airflow.tasks(run) if one["task_id"].startswith("cancel")]
    assert 23 == len(tasks)
    overlaps = {
        one["task_id"] == other["task_id"]
        for one in tasks
        for other in tasks
        if one["id"] != other["id"] and one["start_date"] <= other["start_date"] < one["end_date"]
    }
    assert {False} == overlaps


def test_a_manifest_that_arrives_starts_its_dag_and_the_same_file_is_never_run_twice(
    airflow, stage
):
    def arrive(name):
        stage.book(name)
        return stage.write(f"arrivals/{name}.csv", [name])

    def until_runs(count):
        airflow.wait_until(lambda: len(airflow.runs("on_arrival")) >= count)
        for run in airflow.runs("on_arrival"):
            airflow.until_success(run)

    airflow.unpause("on_arrival")
    first = arrive("first")
    until_runs(1)
    arrive("second")
    until_runs(2)

    before = stage.arrivals
    airflow.tell_asset("batchcancel_manifests", manifest=str(first))
    until_runs(3)
    assert before == stage.arrivals

    airflow.lose_triggerer()  # the next one knows what was told
    arrive("third")
    until_runs(4)
    tasks = [one["task_id"] for run in airflow.runs("on_arrival") for one in airflow.tasks(run)]
    assert 4 == tasks.count("cancel")
    names = {"first", "second", "third"}
    assert dict.fromkeys(names, 1) == cancelled(stage, names)

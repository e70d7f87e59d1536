"""Dags of `jobs/` as they are copied into a Dag folder, in a whole Airflow that starts them."""

import pytest

from tests.airflow.live.night import LIMIT, ORGANISATIONS


def cancelled(stage, ids):
    return {one: count for one, count in stage.cancellations().items() if one in ids}


@pytest.mark.promise(7)
def test_a_group_of_twenty_that_is_unpaused_does_the_last_night_in_one_run_without_a_refusal(
    airflow, stage, group, wanted
):
    for quarter in (1, 2, 3):  # that is how patient one wait is with a busy machine
        airflow.wait_until(lambda: len(cancelled(group, wanted)) >= quarter * len(wanted) // 4)  # noqa: B023
    [run] = airflow.runs("clinic_group")
    airflow.until_success(run)
    assert dict.fromkeys(wanted, 1) == cancelled(group, wanted)
    assert (0, True) == (group.sandbox.history.rate_limited, group.sandbox.most_arrivals <= LIMIT)
    used = {one.path.rpartition("/")[2]: one.key for one in group.sandbox.history.patches()}
    keys = {organisation: {used[one] for one in wanted if wanted[one] == organisation}
            for organisation in ORGANISATIONS}  # fmt: skip
    assert [1] * 20 == [len(one) for one in keys.values()]
    assert 20 == len(set.union(*keys.values()))
    assert 23 == len([*(stage.folder / "lists").glob("clinic_group=*.html")])


@pytest.mark.usefixtures("wanted")
def test_no_two_tasks_of_an_organisation_ran_at_once_and_organisations_did(airflow):
    [run] = airflow.runs("clinic_group")
    tasks = [one for one in airflow.tasks(run) if one["task_id"].endswith(".cancel")]
    assert 23 == len(tasks)
    overlaps = {
        one["task_id"] == other["task_id"]
        for one in tasks
        for other in tasks
        if one["id"] != other["id"] and one["start_date"] <= other["start_date"] < one["end_date"]
    }
    assert {False} == overlaps


@pytest.mark.usefixtures("wanted")
def test_a_manifest_that_arrives_starts_its_dag_and_the_same_file_is_never_run_twice(
    airflow, group
):
    def arrive(name):
        group.book(name)
        return group.write(f"arrivals/{name}.csv", [name])

    def until_runs(count):
        airflow.wait_until(lambda: len(airflow.runs("on_arrival")) >= count)
        for run in airflow.runs("on_arrival"):
            airflow.until_success(run)

    first = arrive("first")
    until_runs(1)
    arrive("second")
    until_runs(2)

    before = group.arrivals
    airflow.tell_asset("batchcancel_manifests", manifest=str(first))
    until_runs(3)
    assert before == group.arrivals

    airflow.lose_triggerer()  # the next one knows what was told
    arrive("third")
    until_runs(4)
    tasks = [one["task_id"] for run in airflow.runs("on_arrival") for one in airflow.tasks(run)]
    assert (4, 4) == (tasks.count("closure.cancel"), tasks.count("closure.report"))
    names = {"first", "second", "third"}
    assert dict.fromkeys(names, 1) == cancelled(group, names)

import json

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import LEDGER, RUN


def export(stage, name="again.csv"):
    stage.here("export", LEDGER, "-o", name, "--force")
    return name


def run(stage, *options, manifest="again.csv"):
    return stage.here("run", manifest, "--yes", "--json", *options)


def test_an_export_run_as_a_manifest_cancels_nobody_again_and_somebody_has_to_look(stage):
    ids = stage.closure(3)
    stage.here(*RUN)
    stage.sandbox.staff.confirm(ids[1])
    export(stage)
    arrived = stage.arrivals
    ended = run(stage)

    assert (4, {"marked_done": 3}) == (ended.returncode, ended.counts)
    assert "column outcome" in ended.stderr
    assert "confirmed" == stage.sandbox.record(ids[1]).status
    assert arrived == stage.arrivals  # there was nothing to be decided


@pytest.mark.long
def test_a_plan_of_it_shows_so_and_ends_as_the_run_would(stage):
    stage.closure(3)
    stage.here(*RUN)
    planned = stage.here("plan", export(stage))
    told = stage.here("plan", "again.csv", "--json")

    assert [4, 4] == [planned.returncode, told.returncode]
    assert "skipped: marked_done" in planned.stdout
    assert "!! 3 appointments will NOT be cancelled" in planned.stdout
    assert {"marked_done": 3} == json.loads(told.stdout)["skipped"]


@pytest.mark.long
def test_rows_of_an_export_that_were_not_done_are_done_and_that_is_a_success(stage):
    stage.closure(5)
    stage.here(*RUN, "--limit", "2")
    ended = run(stage, manifest=export(stage))
    status = stage.here("status", "again.ledger.db", "--json")

    assert (0, {"cancelled": 3, "marked_done": 2}) == (ended.returncode, ended.counts)
    assert {"marked_done": 2} == json.loads(status.stdout.splitlines()[-1])["skipped"]
    assert 5 == len(stage.patched())


def test_rows_skipped_for_their_time_are_decided_anew(stage):
    stage.closure(2)
    stage.here(*RUN, "--notice-hours", "2000")
    ended = run(stage, manifest=export(stage))

    assert (0, {"cancelled": 2}) == (ended.returncode, ended.counts)


@pytest.mark.long
def test_refused_and_not_found_rows_go_through_when_asked_for(stage):
    ids = stage.closure(3)
    stage.write("closure.csv", [*ids, "unknown"])
    stage.sandbox.faults.add(Fault("status", status=409), method="PATCH", appointment_id=ids[0])
    stage.here(*RUN)
    export(stage)
    left_out = run(stage)
    asked = run(stage, "--retry-refused", "--accept-changed-manifest")

    assert {"marked_done": 4} == left_out.counts
    assert {"cancelled": 1, "not_found": 1, "marked_done": 2} == asked.counts


def test_words_of_another_program_leave_nobody_out_and_are_named(stage):
    ids = stage.closure(2)
    stage.table("appointment_id,outcome", f"{ids[0]},no_show", f"{ids[1]},cancelled")
    planned = stage.here("plan", "closure.csv")
    told = stage.here("plan", "closure.csv", "--json")
    ended = stage.here(*RUN)

    assert "none of this program's (no_show)" in planned.stdout
    assert "foreign_outcome" in json.loads(told.stdout)["cautions"]
    assert {"cancelled": 1, "marked_done": 1} == ended.counts
    assert [ids[0]] == stage.patched()


@pytest.mark.long
def test_a_batch_whose_manifest_has_outcomes_is_resumed_with_it(stage):
    stage.closure(6)
    stage.here(*RUN, "--limit", "2")
    export(stage)
    canary = run(stage, "--limit", "1")
    resumed = run(stage)
    again = run(stage)

    assert {"cancelled": 1, "waiting": 3, "marked_done": 2} == canary.counts
    assert [0, 0] == [resumed.returncode, again.returncode]
    assert {"cancelled": 4, "marked_done": 2} == again.counts
    assert 6 == len(stage.patched())


@pytest.mark.long
@pytest.mark.parametrize("accepts", [False, True])
def test_outcomes_that_were_taken_out_change_the_manifest(stage, accepts):
    ids = stage.closure(3)
    rows = [f"{ids[0]},cancelled", f"{ids[1]},cancelled", f"{ids[2]},"]
    stage.table("appointment_id,outcome", *rows)
    stage.here(*RUN)
    stage.write("closure.csv", ids)
    changed = stage.here(*RUN, *(["--accept-changed-manifest"] if accepts else []))

    assert (0 if accepts else 3) == changed.returncode
    assert (3 if accepts else 1) == len(stage.patched())


@pytest.mark.long
def test_an_approval_is_for_the_outcomes_that_the_manifest_had(stage):
    ids = stage.closure(2)
    for done, name in zip(ids, ("one", "other"), strict=True):
        rows = [f"{one},{'cancelled' if one == done else ''}" for one in ids]
        stage.table("appointment_id,outcome", *rows, name=f"{name}.csv")
    planned = stage.here("plan", "one.csv", "--batch", "b", "--ledger", LEDGER, "--json")
    token = json.loads(planned.stdout)["approval"]
    refused = run(
        stage, "--batch", "b", "--ledger", LEDGER, "--approved", token, manifest="other.csv"
    )

    assert (3, True) == (refused.returncode, "other than approved: the manifest" in refused.stderr)
    assert [] == stage.patched()

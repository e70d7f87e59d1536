import json
import re

import pytest

from tests.e2e.stage import FAR

UNASKED = ("run", "closure.csv", "--json")


def token(stage, *options, environ=None):
    planned = stage.here("plan", "closure.csv", "--json", *options, environ=environ)
    return json.loads(planned.stdout)["approval"]


@pytest.mark.long
def test_planned_3_and_the_file_is_replaced_nothing_is_sent(stage):
    ids = stage.closure(40)
    stage.write("closure.csv", ids[:3])
    shown = token(stage)
    stage.write("closure.csv", ids)
    refused = stage.here(*UNASKED, "--approved", shown)
    asked = stage.here(*UNASKED, "--yes", "--approved", shown)

    assert [3, 3] == [refused.returncode, asked.returncode]
    assert "the manifest; 40 appointments to be cancelled, and 3 approved" in refused.stderr
    assert "Nothing was sent." in refused.stderr
    assert [] == stage.patched()


def test_a_plan_prints_the_same_token_for_people_as_for_machines_and_it_stands_for_the_question(
    stage,
):
    ids = stage.closure(3)
    planned = stage.here("plan", "closure.csv")
    shown = token(stage)
    ran = stage.here(*UNASKED, "--approved", shown)

    assert f"Approval: {shown}" in planned.stdout
    next_command = rf"batchcancel run closure.csv .*--approved {shown}"
    assert re.search(next_command, planned.stdout)
    assert (0, {"cancelled": 3}) == (ran.returncode, ran.counts)
    assert shown == json.loads(ran.stdout.splitlines()[-1])["approval"]
    assert ids == sorted(stage.patched())


@pytest.mark.long
def test_the_plan_ends_as_a_run_with_its_approval_would(stage):
    stage.closure(3)
    shown = token(stage)

    assert 0 == stage.here("plan", "closure.csv", "--approved", shown).returncode
    refused = stage.here("plan", "closure.csv", "--approved", shown, "--notice-hours", "0")
    assert 3 == refused.returncode
    assert "the notice hours" in refused.stderr


@pytest.mark.long
def test_a_variable_and_a_job_file_may_hold_the_approval(stage):
    stage.closure(2)
    shown = token(stage)
    (stage.folder / "job.toml").write_text(f'approved = "{shown}"\nlimit = 1\n')
    ran = stage.here(*UNASKED, "--job-file", "job.toml")
    refused = stage.here(*UNASKED, "--notes", "x", environ={"BATCHCANCEL_APPROVED": shown})

    assert (0, 1) == (ran.returncode, len(stage.patched()))
    assert (3, True) == (refused.returncode, "--notes" in refused.stderr)


@pytest.mark.parametrize(
    "typed", ["yes", "a1-3-0-", "a1-600-0-0-r1rgaev43vp728g356ksknn4kswbe4jpz8"]
)
def test_what_is_no_token_is_a_usage_error(stage, typed):
    stage.closure(3)
    ended = stage.here(*UNASKED, "--approved", typed)

    assert 2 == ended.returncode
    assert "--approved: this is no approval" in ended.stderr
    assert 0 == stage.arrivals


@pytest.mark.long
def test_sessions_of_another_job_file_are_not_what_was_approved(stage):
    stage.book("a1", "a2")
    stage.table("appointment_id,date,session", f"a1,{FAR},Morning", f"a2,{FAR},Morning")
    for name, start in {"early": "09:00", "late": "11:00"}.items():
        (stage.folder / f"{name}.toml").write_text(f'[sessions]\nMorning = "{start}"\n')
    shown = token(stage, "--job-file", "early.toml")
    refused = stage.here(*UNASKED, "--approved", shown, "--job-file", "late.toml")
    ran = stage.here(*UNASKED, "--approved", shown, "--job-file", "early.toml")

    assert (3, True) == (refused.returncode, "the sessions of the job file" in refused.stderr)
    assert (0, 2) == (ran.returncode, len(stage.patched()))


@pytest.mark.long
def test_pace_and_caps_are_not_covered(stage):
    stage.closure(3)
    shown = token(stage)
    others = ("--rate", "600/60s", "--concurrency", "2", "--max-cancel", "3", "--halt-after", "3")

    assert 0 == stage.here(*UNASKED, "--approved", shown, *others).returncode

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.stage import LEDGER, RUN

KOLKATA = ZoneInfo("Asia/Kolkata")
HOUR = timedelta(hours=1)


def write_rows(stage, **starts):
    """Book appointments that start so far from now, and write closure.csv with them."""
    for appointment_id, ahead in starts.items():
        stage.book(appointment_id, day=(datetime.now(KOLKATA) + ahead).date())
    now = datetime.now(UTC)
    stage.table(
        "appointment_id,starts_at",
        *(f"{one},{(now + ahead).isoformat()}" for one, ahead in starts.items()),
    )


def test_rows_inside_the_notice_window_are_skipped_loudly_until_the_window_is_lifted(stage):
    write_rows(stage, near=2 * HOUR, far=48 * HOUR, past=-HOUR)
    plan = stage.here("plan", "closure.csv")
    ended = stage.here(*RUN)
    lifted = stage.here(*RUN, "--notice-hours", "0")

    assert "!! 1 appointment is inside the notice window of 24 h" in plan.stdout
    assert "--notice-hours 0" in plan.stdout
    assert {"cancelled": 1, "notice_window": 1, "already_started": 1} == ended.counts
    assert "--outcome skipped" in ended.stderr
    assert (0, {"cancelled": 2, "already_started": 1}) == (lifted.returncode, lifted.counts)
    assert ["far", "near"] == stage.patched()


@pytest.mark.long
def test_a_notice_and_a_timezone_that_are_not_the_organisations_are_told_in_plan_and_log(stage):
    stage.closure(1)
    options = ("closure.csv", "--notice-hours", "0", "--timezone", "Europe/Berlin")
    plan = stage.here("plan", *options)
    told = stage.here("plan", *options, "--json")
    ran = stage.here("run", *options, "--yes", "--log-format", "json")

    assert "!! --notice-hours is 0, and the organisation's notice is 24 h." in plan.stdout
    assert "!! --timezone is Europe/Berlin, and the organisation's" in plan.stdout
    codes = ["notice_differs", "timezone_differs"]
    assert codes == [*json.loads(told.stdout)["cautions"]]
    events = [json.loads(line)["event"] for line in ran.stderr.splitlines() if line[:1] == "{"]
    assert codes == [one for one in events if one.endswith("_differs") and one != "clock_differs"]


def test_a_plan_writes_nothing_to_the_api_and_its_json_is_one_line(stage):
    stage.closure(4)
    plan = stage.here("plan", "closure.csv", "--json")
    [line] = plan.stdout.splitlines()

    planned = json.loads(line)
    assert (0, 4, 4) == (plan.returncode, planned["rows"], planned["eligible"])
    assert {"GET"} == {one.method for one in stage.sandbox.history.arrivals}


def test_a_status_in_json_adds_up_and_tells_the_last_run(stage):
    write_rows(stage, near=2 * HOUR, far=48 * HOUR)
    ended = stage.here(*RUN)
    status = json.loads(stage.here("status", LEDGER, "--json").stdout)

    same = ("rows", "cancelled", "skipped", "waiting", "open", "run_id", "exit_code")
    assert {name: ended.result[name] for name in same} == {name: status[name] for name in same}

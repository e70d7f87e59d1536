import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.stage import FAR, RUN


@pytest.fixture
def noon():
    """A timezone in which it is about noon, so that today is the same day for the whole test."""
    return ZoneInfo(f"Etc/GMT{datetime.now(UTC).hour - 12:+d}")


def test_a_closure_of_today_by_date_alone_is_cancelled_where_the_notice_window_is_lifted(
    new_stage, noon
):
    stage = new_stage(timezone=noon.key)
    today = datetime.now(noon).date()
    stage.book("whole", "night", day=today)
    rows = ["appointment_id,date,session", f"whole,{today},", f"night,{today},Night"]
    (stage.folder / "closure.csv").write_text("\n".join(rows) + "\n")
    kept = stage.run(*RUN)
    plan = stage.here("plan", "closure.csv", "--notice-hours", "0")
    lifted = stage.here(*RUN, "--notice-hours", "0")

    assert {"notice_window": 2} == kept.counts
    assert f"{today:%a %Y-%m-%d}, the day" in plan.stdout
    assert f"!! No start is known for {today} session 'Night'" in plan.stdout
    assert (0, {"cancelled": 2}) == (lifted.returncode, lifted.counts)


def test_a_day_that_was_closed_first_is_read_as_a_week_later_and_the_plan_says_so(stage):
    stage.book("a", "b")
    stage.sandbox.leave_out(FAR)
    rows = ["appointment_id,date,session", f"a,{FAR},morning ", f"b,{FAR},MORNING"]
    (stage.folder / "closure.csv").write_text("\n".join(rows) + "\n")
    plan = stage.run("plan", "closure.csv", "--json")
    ended = stage.here(*RUN)

    planned = json.loads(plan.stdout)
    assert [FAR.isoformat()] == [
        word.rstrip(",")
        for word in planned["cautions"]["windows_a_week_later"].split()
        if "-" in word
    ]
    assert ("session", f"{FAR}T03:30:00+00:00") == (
        planned["first_start_known_by"],
        planned["first_start"],
    )
    asked = [one.query for one in stage.sandbox.history.arrivals if "slots" in one.path]
    assert [f"date={FAR}", f"date={FAR + timedelta(weeks=1)}"] * 2 == asked
    assert {"cancelled": 2} == ended.counts

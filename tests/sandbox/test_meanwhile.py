"""What others do meanwhile, what a clinic may still ask for, and closed days."""

from datetime import date, timedelta

import pytest

from batchcancel.sandbox import Clinic, Sandbox

pytestmark = pytest.mark.anyio

DAY = date(2026, 6, 8)


async def test_others_act_after_the_page_they_are_told(client, sandbox):
    sandbox.meanwhile.after(2, lambda: sandbox.staff.cancel("appt_000001"))
    seen = []
    for _ in range(3):
        await client.get("/appointments")
        seen.append(sandbox.record("appt_000001").status)
    assert ["confirmed", "cancelled", "cancelled"] == seen


async def test_by_the_same_seed_the_same_is_done(connect, now):
    def done(seed):
        sandbox = Sandbox(Clinic(appointments=50, days=2), now=now)
        days = [now.date() + timedelta(days=number) for number in (1, 2)]
        chances = dict.fromkeys(["book", "cancel", "move", "move_away"], 0.3)
        sandbox.meanwhile.by_chance(chances, days=days, seed=seed)
        for _ in range(40):
            sandbox.meanwhile.happen()
        return sandbox.meanwhile.done

    assert done(1) == done(1) != done(2)
    assert {"book", "cancel", "move", "move_away"} == {deed for deed, _ in done(1)}


async def test_a_closed_day_offers_no_place_and_takes_nobody_back(connect, now):
    sandbox = Sandbox(Clinic(appointments=0), now=now)
    sandbox.add("mine", date=DAY, status="cancelled")
    sandbox.close(DAY)
    client = connect(sandbox)
    answer = await client.get("/appointment-slots/availability", params={"date": DAY.isoformat()})

    assert {("CLOSED", 0)} == {(w["status"], w["available_slots"]) for w in answer.json()["slots"]}
    confirmed = await client.patch("/appointments/mine", json={"status": "confirmed"})
    assert (409, "OUTSIDE_AVAILABILITY") == (
        confirmed.status_code, confirmed.json()["error"]["code"],
    )  # fmt: skip


@pytest.mark.parametrize(("checks", "status"), [(True, 409), (False, 200)])
async def test_confirming_asks_for_room_or_does_not(connect, now, checks, status):
    sandbox = Sandbox(Clinic(appointments=0, checks_confirming=checks), now=now)
    sandbox.set_places(DAY, 1)
    sandbox.add("mine", date=DAY, status="cancelled")
    sandbox.add("theirs", date=DAY)
    answer = await connect(sandbox).patch("/appointments/mine", json={"status": "confirmed"})
    assert status == answer.status_code


@pytest.mark.parametrize(
    ("allow", "code"),
    [({"credits": 2}, "INSUFFICIENT_CREDITS"), ({"quota": 2}, "DAILY_QUOTA_EXCEEDED")],
)
async def test_what_is_used_up_refuses_every_request(client, sandbox, allow, code):
    for name, number in allow.items():
        setattr(sandbox.allowance, name, number)
    answers = [await client.get("/services") for _ in range(3)]

    assert [200, 200, 403] == [one.status_code for one in answers]
    assert code == answers[-1].json()["error"]["code"]
    assert "General consultation" in [one["name"] for one in answers[0].json()["data"]]

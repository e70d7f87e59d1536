"""What the API shows of the rows counts before what the manifest says."""

from datetime import date, timedelta

import httpx
import pytest

from batchcancel.errors import Refusal, StoppedEarly
from batchcancel.report.plan import plan_json, plan_text
from batchcancel.report.status import read_status
from batchcancel.sandbox import Clinic, Fault, Rate
from batchcancel.sandbox.clinic import AppointmentRecord
from tests.sample import sampled
from tests.world import ended

pytestmark = pytest.mark.anyio

DAY, WEEK_LATER = date(2026, 6, 20), date(2026, 6, 27)
STARTS = "2026-06-20T03:30:00Z"


def manifests(world, ids):
    """The same appointments, by their starts, by their day and by their ids alone."""
    return {
        "starts": lambda: world.manifest(ids),
        "day": lambda: world.write("appointment_id,date", *(f"{one},{DAY}" for one in ids)),
        "ids": lambda: world.manifest(ids, starts_at=None),
    }


KINDS = pytest.mark.parametrize("kind", ["starts", "day", "ids"])
NOTICES = pytest.mark.parametrize("notice", sampled([0, 24], every=2))


# What an appointment is


@pytest.mark.promise(19)
@KINDS
@NOTICES
@pytest.mark.parametrize(
    ("status", "ends"),
    [
        ("completed", (0, "completed")),
        ("COMPLETED", (4, "unknown_status")),
        pytest.param("in_progress", (4, "unknown_status"), marks=pytest.mark.long),
        pytest.param("no_show", (4, "unknown_status"), marks=pytest.mark.long),
    ],
)
async def test_what_is_no_longer_to_be_cancelled_is_not_sent(world, kind, notice, status, ends):
    code, reason = ends
    ids = world.appointments(3)
    world.sandbox.staff.mark(ids[1], status)
    finished = await world.run(manifests(world, ids)[kind](), notice_hours=notice)

    assert ended(finished) == (code, {"cancelled": 2, reason: 1})
    assert ids[1] not in world.patched()
    assert status == world.sandbox.record(ids[1]).status


async def test_a_status_that_is_named_is_sent_and_one_that_is_not_is_left(world):
    ids = world.appointments(3)
    world.sandbox.staff.mark(ids[0], "no_show")
    world.sandbox.staff.mark(ids[1], "rescheduled")
    finished = await world.run(world.manifest(ids), status="confirmed,no_show")

    assert ended(finished) == (4, {"cancelled": 2, "unknown_status": 1})
    assert ids[1] not in world.patched()


@pytest.mark.parametrize("status", ["completed", "cancelled", "confirmed,completed", "", ","])
async def test_what_took_place_or_is_cancelled_cannot_be_asked_for(world, status):
    with pytest.raises(Exception, match="--status"):
        world.settings(world.manifest(["a"]), status=status)


@pytest.mark.promise(19)
@KINDS
async def test_what_was_cancelled_before_is_not_sent(world, kind):
    ids = world.appointments(3)
    world.sandbox.staff.cancel(ids[0])
    finished = await world.run(manifests(world, ids)[kind]())

    assert ended(finished) == (0, {"cancelled": 2, "already_cancelled": 1})
    assert ids[0] not in world.patched()


# Where it is


@pytest.mark.promise(19)
@pytest.mark.parametrize("kind", ["starts", "day"])
@NOTICES
async def test_what_was_moved_to_another_day_is_left_there_and_told_loudly(world, kind, notice):
    ids = world.appointments(3)
    world.sandbox.staff.reschedule(ids[2], WEEK_LATER)
    finished = await world.run(manifests(world, ids)[kind](), notice_hours=notice)

    assert ended(finished) == (4, {"cancelled": 2, "moved": 1})
    assert ids[2] not in world.patched()
    assert "!! 1 appointment is on another day, session or branch" in plan_text(world.plans[-1])


async def test_the_end_tells_how_many_of_the_moved_rows_are_still_on_a_day_of_the_manifest(world):
    ids = world.appointments(4)
    world.sandbox.add("later", date=WEEK_LATER)
    world.sandbox.staff.reschedule(ids[0], WEEK_LATER)
    world.sandbox.staff.reschedule(ids[1], WEEK_LATER + timedelta(days=1))
    days = [*(f"{one},{DAY}" for one in ids), f"later,{WEEK_LATER}"]
    summary = (await world.run(world.write("appointment_id,date", *days))).summary

    assert (2, 1) == (summary.counts.skipped["moved"], summary.moved_here)
    with world.account() as ledger:
        [status] = read_status(ledger, only=None, ledger=summary.ledger, at=world.now())
    assert 1 == status.as_json()["moved_here"] == summary.as_json()["moved_here"]
    assert "must look at each of them (1 moved within the manifest's days):" in status.next


@pytest.mark.parametrize(
    ("left_open", "told"), [("date", "day"), ("session", "session"), ("branch_id", "branch")]
)
async def test_what_records_leave_open_is_told_where_the_manifest_names_it(
    world, monkeypatch, left_open, told
):
    ids = world.appointments(2)
    branch, as_json = world.sandbox.book.clinic.branch_ids[0], AppointmentRecord.as_json
    monkeypatch.setattr(AppointmentRecord, "as_json", lambda one: as_json(one) | {left_open: None})
    rows = [f"{one},{STARTS},Morning,{branch}" for one in ids]
    await world.run(world.write("appointment_id,starts_at,session,branch_id", *rows))

    assert [f"no_{told}_told"] == world.watching.cautions


async def test_ids_alone_say_nothing_that_could_be_compared(world):
    ids = world.appointments(3)
    world.sandbox.staff.reschedule(ids[2], WEEK_LATER)
    assert ended(await world.run(world.manifest(ids, starts_at=None))) == (0, {"cancelled": 3})


@pytest.mark.parametrize(
    ("says", "code", "counts"),
    [
        ("Morning,{known}", 0, {"cancelled": 1}),
        (" MORNING  ,{loud}", 0, {"cancelled": 1}),
        ("Evening,{known}", 4, {"moved": 1}),
        ("Morning,{other}", 4, {"moved": 1}),
        (",", 0, {"cancelled": 1}),
        ("Vormittag,Nord", 0, {"cancelled": 1}),
    ],
)
async def test_a_session_and_a_branch_are_compared_as_far_as_the_api_uses_such_words(
    world, says, code, counts
):
    known, other = world.sandbox.book.clinic.branch_ids
    world.appointments(1)
    says = says.format(known=known, loud=known.upper(), other=other)
    header = "appointment_id,starts_at,session,branch_id"
    finished = await world.run(world.write(header, f"a00001,{STARTS},{says}"))

    assert ended(finished) == (code, counts)
    assert ("not_compared" in world.watching.cautions) is says.startswith("Vormittag")


@pytest.mark.promise(19)
@pytest.mark.parametrize(("says", "ends"), [("{0}", "needs_review"), ("Nord", "cancelled")])
async def test_where_nothing_could_be_read_the_patchs_answer_is_held_against_the_apis_own_words(
    world, says, ends
):
    branches = world.sandbox.book.clinic.branch_ids
    ids = world.appointments(1)
    world.sandbox.keys.add("sk_write", {"appointments:write"})
    row = f"{ids[0]},{STARTS},{says.format(*branches)}"
    finished = await world.run(
        world.write("appointment_id,starts_at,branch_id", row),
        confirm=lambda _: world.sandbox.staff.move(ids[0], branch_id=branches[1]),
        key="sk_write", notice_hours=24,
    )  # fmt: skip
    assert ended(finished)[1] == {ends: 1}


@pytest.mark.promise(19)
async def test_what_is_moved_between_page_and_patch_is_for_a_person_and_not_also_cancelled(world):
    ids = world.appointments(3)
    finished = await world.run(
        world.manifest(ids), confirm=lambda _: world.sandbox.staff.reschedule(ids[0], WEEK_LATER)
    )
    assert ended(finished) == (4, {"cancelled": 2, "needs_review": 1})


@pytest.mark.promise(19)
@pytest.mark.parametrize("rows", [2, 30])
async def test_what_is_moved_and_was_observed_long_ago_is_looked_at_once_more(world, rows):
    ids = world.appointments(rows)

    def be_slow(_planned):
        world.virtual.jump(601)
        world.sandbox.staff.reschedule(ids[0], WEEK_LATER)
        world.sandbox.staff.complete(ids[1])

    finished = await world.run(world.manifest(ids), confirm=be_slow)
    left = {"cancelled": rows - 2} if rows > 2 else {}
    assert ended(finished) == (4, left | {"moved": 1, "completed": 1})
    assert not {*ids[:2]} & {*world.patched()}


async def test_a_column_of_other_days_stops_everything_and_is_named(world):
    world.appointments(30)
    booked = [f"a{number:05d},2026-05-{number:02d}" for number in range(1, 31)]
    manifest = world.write("appointment_id,date", *booked)
    with pytest.raises(Refusal, match="30 of 30 appointments are on another day") as refused:
        await world.run(manifest)
    assert "--ignore-column date" in refused.value.hint
    assert world.patched() == []

    finished = await world.run(manifest, ignore_column="date")
    assert ended(finished) == (0, {"cancelled": 30})


@pytest.mark.parametrize(("moved", "is_refused"), [(9, False), (10, False), (11, True)])
async def test_more_than_half_of_twenty_rows_are_needed_to_doubt_the_manifest(
    world, moved, is_refused
):
    ids = world.appointments(20)
    for one in ids[:moved]:
        world.sandbox.staff.reschedule(one, WEEK_LATER)
    if is_refused:
        with pytest.raises(Refusal, match=r"11 of 20 .* another day") as refused:
            await world.run(world.manifest(ids))
        assert "Is `starts_at` the day" in refused.value.hint
    else:
        finished = await world.run(world.manifest(ids))
        assert ended(finished) == (4, {"cancelled": 20 - moved, "moved": moved})


async def test_rows_that_are_left_over_as_moved_do_not_doubt_a_manifest_that_was_right(world):
    ids = world.appointments(60)
    for one in ids[:25]:
        world.sandbox.staff.reschedule(one, WEEK_LATER)
    first = await world.run(world.manifest(ids))
    again = await world.run(world.manifest(ids))
    assert ended(first) == ended(again) == (4, {"cancelled": 35, "moved": 25})


# What is kept, and decided anew


@pytest.mark.promise(2)
@pytest.mark.parametrize("between", [[], ["no_show"]])
async def test_what_was_only_seen_cancelled_and_is_alive_later_is_for_a_person(world, between):
    ids = world.appointments(3)
    for status in ("cancelled", *between):
        world.sandbox.staff.mark(ids[0], status)
        await world.run(world.manifest(ids))
    world.sandbox.staff.confirm(ids[0])
    resumed = await world.run(world.manifest(ids))
    again = await world.run(world.manifest(ids))

    assert ended(resumed) == ended(again) == (4, {"cancelled": 2, "needs_review": 1})
    assert ids[0] not in world.patched()


class Between(httpx.AsyncBaseTransport):
    """Something happens right after the first record was read."""

    def __init__(self, inner, happen):
        self.inner, self.left = inner, [happen]

    async def handle_async_request(self, request):
        response = await self.inner.handle_async_request(request)
        if self.left and request.url.path.startswith("/v1/appointments/"):
            self.left.pop()()
        return response


@pytest.mark.promise(19)
async def test_what_is_confirmed_again_while_planning_reads_is_for_a_person(world):
    ids = world.appointments(5)
    world.sandbox.staff.cancel(ids[0])
    transport = Between(world.transport(), lambda: world.sandbox.staff.confirm(ids[0]))
    world.transport = lambda: transport
    finished = await world.run(world.manifest(ids, starts_at=None))
    assert ended(finished) == (4, {"cancelled": 4, "needs_review": 1})
    assert world.sandbox.history.patches(ids[0]) == []


async def test_what_is_still_cancelled_stays_so_whether_it_is_seen_or_not(world):
    ids = world.appointments(2)
    world.sandbox.staff.cancel(ids[0])
    manifest = world.manifest(ids)
    first = await world.run(manifest)
    world.sandbox.keys.add("sk_write", {"appointments:write"})
    blind = await world.run(manifest, key="sk_write", notice_hours=24)
    last = await world.run(manifest)
    assert (
        ended(first) == ended(blind) == ended(last) == (0, {"cancelled": 1, "already_cancelled": 1})
    )
    assert world.patched() == ids[1:]


@pytest.mark.promise(19)
async def test_what_was_left_alone_for_what_it_was_is_not_sent_by_a_key_that_may_not_read(world):
    ids = world.appointments(4)
    world.sandbox.staff.complete(ids[0])
    world.sandbox.staff.mark(ids[1], "no_show")
    world.sandbox.staff.reschedule(ids[2], WEEK_LATER)
    manifest = world.manifest(ids)
    first = await world.run(manifest)
    world.sandbox.keys.add("sk_write", {"appointments:write"})
    blind = await world.run(manifest, key="sk_write", notice_hours=24)

    left = {"cancelled": 1, "completed": 1, "unknown_status": 1, "moved": 1}
    assert ended(first) == ended(blind) == (4, left)
    assert world.patched() == ids[3:]


@pytest.mark.promise(19)
async def test_a_row_in_doubt_that_was_moved_is_not_sent_when_it_is_read_back(world):
    ids = world.appointments(3)
    manifest = world.manifest(ids)
    world.sandbox.faults.add(Fault("reset"), method="PATCH", appointment_id=ids[0])

    def move(_planned):
        world.sandbox.staff.reschedule(ids[0], WEEK_LATER)
        world.virtual.jump(5)

    lost = await world.run(manifest, confirm=move)
    resumed = await world.run(manifest)

    assert (4, {"cancelled": 2, "gave_up": 1}) == ended(lost)
    assert (4, {"cancelled": 2, "moved": 1}) == ended(resumed)
    # That it was skipped ends no doubt: who touches it now may have found it cancelled by us.
    world.virtual.jump(5)
    world.sandbox.staff.reschedule(ids[0], DAY)
    assert (4, {"cancelled": 2, "needs_review": 1}) == ended(await world.run(manifest))
    assert 1 == world.patched().count(ids[0])


@pytest.mark.promise(2)
@pytest.mark.parametrize("kind", ["starts", "ids"])
async def test_a_row_in_doubt_that_we_cancelled_and_that_was_moved_meanwhile_is_for_a_person(
    world, kind
):
    ids = world.appointments(3)
    manifest = manifests(world, ids)[kind]()
    world.sandbox.faults.add(Fault("reset", when="after"), method="PATCH", appointment_id=ids[0])

    def move(_planned):
        world.sandbox.staff.reschedule(ids[0], WEEK_LATER)
        world.virtual.jump(5)
        world.sandbox.faults.add(Fault("reset"), method="GET", appointment_id=ids[0], times=None)

    lost = await world.run(manifest, confirm=move)
    world.sandbox.faults.clear()
    resumed = await world.run(manifest)

    assert (4, {"cancelled": 2, "gave_up": 1}) == ended(lost)
    assert (4, {"cancelled": 2, "needs_review": 1}) == ended(resumed)


@pytest.mark.promise(19)
async def test_what_was_left_alone_and_the_budget_does_not_reach_is_read_when_its_turn_comes(world):
    world.new_sandbox(rate=Rate(limit=None))
    ids = world.appointments(70)
    manifest, options = world.manifest(ids), {"notice_hours": 0, "rate": "none"}
    for days, one in enumerate(ids[:60]):  # each on a day of its own, where no page pays
        world.sandbox.staff.reschedule(one, WEEK_LATER + timedelta(days=days))
        world.sandbox.staff.cancel(one)
    world.virtual.jump(120)
    first = await world.run(manifest, **options)
    world.sandbox.staff.confirm(ids[58])
    world.sandbox.staff.complete(ids[59])
    again = await world.run(manifest, **options)
    world.sandbox.keys.add("sk_write", {"appointments:write"})
    blind = await world.run(manifest, key="sk_write", **options)

    assert (0, {"cancelled": 10, "already_cancelled": 60}) == ended(first)
    found = {"cancelled": 10, "already_cancelled": 58, "needs_review": 1, "completed": 1}
    assert (4, found) == ended(again) == ended(blind)
    assert ids[60:] == sorted(world.patched())


async def test_what_was_moved_and_is_back_is_cancelled_by_the_next_run(world):
    ids = world.appointments(3)
    world.sandbox.staff.reschedule(ids[0], WEEK_LATER)
    await world.run(world.manifest(ids))
    world.sandbox.staff.reschedule(ids[0], DAY)
    assert ended(await world.run(world.manifest(ids))) == (0, {"cancelled": 3})


async def test_what_was_seen_is_in_the_ledger(world):
    ids = world.appointments(3)
    world.sandbox.staff.complete(ids[0])
    manifest = world.manifest(ids)
    await world.run(manifest)

    with world.account() as ledger:
        seen = list(ledger.observations("closure"))
    assert [(one.appointment_id, one.status, one.date, one.session, one.label) for one in seen] == [
        (ids[0], "completed", DAY, "Morning", "MA"),
        (ids[1], "confirmed", DAY, "Morning", "MA"),
        (ids[2], "confirmed", DAY, "Morning", "MA"),
    ]
    assert all(abs(one.at - world.now()) < timedelta(minutes=3) for one in seen)


async def test_a_row_that_was_not_found_and_is_there_is_told_with_what_to_type(world):
    ids = world.appointments(3)
    first = await world.run(world.manifest([ids[0], "late"]))
    world.sandbox.add("late", date=DAY)
    manifest, sent = world.manifest([*ids, "late"]), len(world.patched())
    again = await world.run(manifest, accept_changed_manifest=True)

    assert ended(first)[1] == {"cancelled": 1, "not_found": 1}
    assert ended(again) == (4, {"cancelled": 3, "not_found": 1})
    assert "late" not in world.patched()[sent:]
    assert (
        "1 appointments that an earlier run did not find are there: --retry-refused sends them"
    ) in [one.text for one in world.plans[-1].rules.cautions]


# What it costs


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "shuffled", "most"),
    sampled(
        [
            ("starts", None, 608),
            ("ids", None, 610),
            ("day", None, 610),
            ("ids", 1, 632),
            ("starts", 1, 630),
        ],
        every=3,
    ),
)
async def test_a_closed_day_of_600_costs_few_requests_more(world, kind, shuffled, most):
    world.new_sandbox(Clinic(appointments=0, slot_capacity=1000))
    ids = world.appointments(600)
    if shuffled is not None:
        world.sandbox.shuffle(shuffled)
    finished = await world.run(manifests(world, ids)[kind]())

    assert ended(finished) == (0, {"cancelled": 600})
    assert finished.summary.requests <= most
    assert len(world.sandbox.history) == finished.summary.requests


@pytest.mark.long
@pytest.mark.parametrize(
    ("rate", "shuffled"), [("60/60s", None), ("none", 1), ("60/60s", 1), ("60/60s", 2)]
)
async def test_ten_thousand_rows_of_twenty_days_cost_at_most_three_hundred_more(
    world, rate, shuffled
):
    world.new_sandbox(rate=Rate() if rate != "none" else Rate(limit=10**6))
    rows = []
    for number in range(10_000):
        day = DAY + timedelta(days=number % 20)
        world.sandbox.add(f"a{number:05d}", date=day)
        rows.append(f"a{number:05d},{day}T03:30:00Z")
    if shuffled is not None:
        world.sandbox.shuffle(shuffled)
    asked = []
    finished = await world.run(
        world.write("appointment_id,starts_at", *rows),
        rate=rate,
        confirm=lambda _: asked.append(len(world.sandbox.history)),
    )
    assert ended(finished) == (0, {"cancelled": 10_000})
    assert finished.summary.requests <= 10_300
    assert abs(finished.summary.requests - asked[0] - world.plans[-1].plan.requests) <= 5


# Silence


@pytest.mark.promise(19)
@pytest.mark.parametrize("kind", sampled(["starts", "day", "ids"], every=3))
async def test_what_the_api_fell_silent_on_is_read_at_its_turn_and_not_sent_blindly(world, kind):
    ids = world.appointments(30)
    world.sandbox.staff.mark(ids[4], "completed")
    world.sandbox.staff.reschedule(ids[7], WEEK_LATER)
    world.sandbox.faults.add(Fault("status", status=500), method="GET", skip=1, times=5)
    finished = await world.run(manifests(world, ids)[kind]())

    left = {"completed": 1} if kind == "ids" else {"completed": 1, "moved": 1}
    assert left.items() <= ended(finished)[1].items()
    assert ids[4] not in world.patched()
    assert (ids[7] in world.patched()) == (kind == "ids")
    assert "observed_late" in world.watching.cautions
    assert finished.summary.requests <= 2 * len(ids) + 12


# Keys


async def test_a_key_that_may_not_read_observes_nothing_says_so_once_and_goes_on(world):
    world.sandbox.keys.add("sk_write", {"appointments:write"})
    finished = await world.run(
        world.manifest(world.appointments(30)), key="sk_write", notice_hours=24
    )
    assert ended(finished) == (0, {"cancelled": 30})
    assert world.watching.cautions.count("not_observed") == 1
    assert finished.summary.requests == 31


@pytest.mark.parametrize("kind", sampled(["starts", "day", "ids"], every=3))
async def test_the_key_of_another_clinic_ends_with_nothing_settled(world, kind):
    ids = world.appointments(100)
    manifest = manifests(world, ids)[kind]()
    right, _ = world.sandbox, world.new_sandbox()
    with pytest.raises(StoppedEarly, match="none of 20 appointments in a row"):
        await world.run(manifest)
    assert world.patched() == []

    world.sandbox = right
    assert ended(await world.run(manifest)) == (0, {"cancelled": 100})


# What is told


async def test_the_plan_tells_where_it_would_cancel_and_what_it_saw(world):
    ids = world.appointments(8)
    branches = world.sandbox.book.clinic.branch_ids
    world.sandbox.add(ids[0], date=DAY, session="Evening", branch_id=branches[1])
    world.sandbox.staff.complete(ids[1])
    world.sandbox.staff.cancel(ids[2])
    world.sandbox.staff.mark(ids[3], "no_show")
    world.sandbox.staff.reschedule(ids[4], WEEK_LATER)
    planned = await world.plan(world.manifest([*ids, "unknown"]))
    told = plan_json(planned, ledger="")["observed"]
    places = told.pop("places")

    assert told == {
        "rows": 8,
        "moved": 1,
        "completed": 1,
        "already_cancelled": 1,
        "unknown_status": 1,
        "needs_review": 0,
        "not_shown": 2,
        "not_found": 1,
    }
    assert [(one["date"], one["session"], one["branch_id"], one["rows"]) for one in places] == [
        ("2026-06-20", "Evening", branches[1], 1),
        ("2026-06-20", "Morning", branches[0], 3),
        ("2026-06-20", None, None, 1),
    ]
    text = plan_text(planned)
    assert f"  2026-06-20  3  Morning  branch {branches[0]}\n" in text
    assert len(text.splitlines()) < 40

"""What is put back, what is left as it is, and what becomes of it when a restore is broken off."""

from collections import Counter
from datetime import date

import pytest

from batchcancel.errors import InputError, Interrupted, Refusal, ScopeMissing
from batchcancel.events import RowEnded
from batchcancel.report.summary import what_next
from batchcancel.sandbox import Clinic, Fault
from batchcancel.sandbox.keys import SCOPES
from batchcancel.settings.load import manifest_source
from batchcancel.stop import Stop
from tests.sample import sampled
from tests.world import Delayed, ended

pytestmark = pytest.mark.anyio

DAY, WEEK_LATER = date(2026, 6, 20), date(2026, 6, 27)
OVERBOOK = {"overbook": True}
CHECKS = pytest.mark.parametrize("checks", sampled([True, False], every=2))
"""Whether the API itself refuses to confirm where there is no room: its page does not say."""


async def closed(world, count, *, places=1_000, checks=True, **options):
    """So many appointments of a morning, cancelled, in windows with so many places."""
    world.new_sandbox(Clinic(appointments=0, slot_capacity=places, checks_confirming=checks))
    ids = world.appointments(count)
    await world.run(world.manifest(ids), **options)
    world.virtual.jump(120)
    return ids


def confirmed(world):
    return {one.appointment_id for one in world.sandbox.records(status="confirmed")}


def rows(world, batch="closure"):
    with world.account() as ledger:
        return {one.appointment_id: (one.outcome, one.reason) for one in ledger.rows(batch)}


async def test_what_was_cancelled_is_confirmed_again_and_counted_apart_in_its_own_batch(world):
    ids = await closed(world, 30)
    finished = await world.restore()
    assert ended(finished) == (0, {"restored": 30})
    assert finished.summary.batch == "closure.restore"
    assert confirmed(world) == set(ids)
    assert (
        set(rows(world).values())
        == {("restored", None)}
        == set(rows(world, "closure.restore").values())
    )
    again = await world.run(world.manifest(ids))
    assert ended(again) == (0, {"restored": 30})
    assert (await world.verify()).as_json()["checked"] == 0
    assert confirmed(world) == set(ids)


@pytest.mark.promise(22)
@CHECKS
async def test_a_window_with_one_free_place_takes_one_of_three(world, checks):
    ids = await closed(world, 3, places=3, checks=checks)
    for number in range(2):
        world.sandbox.add(f"new{number}", date=DAY)
    first = await world.restore()
    assert ended(first) == (4, {"restored": 1, "slot_taken": 2})
    assert len(confirmed(world) & set(ids)) == 1
    again = await world.restore()
    assert ended(again) == (4, {"restored": 1, "slot_taken": 2})


@pytest.mark.long
@pytest.mark.promise(22)
@pytest.mark.parametrize("checks", [True, False])
async def test_places_that_others_take_meanwhile_are_not_taken_twice(world, checks):
    ids = await closed(world, 200, places=200, checks=checks)

    def book(event):
        if isinstance(event, RowEnded) and len(booked) < 30:
            booked.append(world.sandbox.add(f"new{len(booked)}", date=DAY))

    booked = []
    world.watching = book
    finished = await world.restore()
    counts = finished.summary.counts
    assert (30, 4) == (len(booked), finished.summary.exit_code)
    assert len(confirmed(world)) <= 200
    assert 168 <= len(confirmed(world) & {*ids}) == counts["restored"]
    assert counts.skipped == {"slot_taken": 200 - counts["restored"]}


@pytest.mark.parametrize("seconds", sampled([0.3, 2.0], every=2))
async def test_where_there_is_a_place_for_each_none_is_taken_however_long_answers_take(
    world, monkeypatch, seconds
):
    ids = await closed(world, 70, places=70)
    near = world.transport
    monkeypatch.setattr(world, "transport", lambda: Delayed(near(), lambda: seconds))
    finished = await world.restore()
    assert ended(finished) == (0, {"restored": 70})
    assert finished.summary.requests <= 70 + 7
    assert confirmed(world) == {*ids}


@pytest.mark.promise(22)
async def test_a_full_window_takes_nothing_unless_it_is_asked_for(world):
    ids = await closed(world, 4, places=4, checks=False)
    for number in range(4):
        world.sandbox.add(f"new{number}", date=DAY)
    assert ended(await world.restore()) == (4, {"slot_taken": 4})
    assert not confirmed(world) & {*ids}
    assert ended(await world.restore(how=OVERBOOK)) == (0, {"restored": 4})


@pytest.mark.parametrize("how", [{}, OVERBOOK])
async def test_an_api_that_counts_places_itself_says_so_and_is_believed(world, how):
    ids = await closed(world, 2)
    full = Fault("status", status=409, code="SLOT_FULL")
    world.sandbox.faults.add(full, method="PATCH", appointment_id=ids[0])
    assert ended(await world.restore(how=how)) == (4, {"restored": 1, "slot_taken": 1})
    assert ended(await world.restore(how=how)) == (0, {"restored": 2})


async def test_where_the_calendar_lists_no_window_nobody_knows_of_a_free_place(world):
    ids = await closed(world, 2, checks=False)
    world.sandbox.leave_out(DAY)
    assert ended(await world.restore()) == (4, {"slot_taken": 2})
    assert ended(await world.restore(how=OVERBOOK)) == (0, {"restored": 2})
    assert confirmed(world) == {*ids}


async def test_a_key_that_may_not_read_slots_is_told_how_to_do_without(world):
    await closed(world, 2)
    world.sandbox.keys.add("blind", SCOPES - {"slots:read"})
    with pytest.raises(ScopeMissing) as refusal:
        await world.restore(key="blind")
    assert "--overbook" in refusal.value.hint
    assert ended(await world.restore(key="blind", how=OVERBOOK)) == (0, {"restored": 2})


async def test_only_what_is_as_this_program_left_it_is_put_back(world):
    ids = await closed(world, 6)
    staff = world.sandbox.staff
    staff.confirm(ids[0])
    staff.confirm(ids[1])
    staff.cancel(ids[1])
    staff.complete(ids[2])
    staff.reschedule(ids[3], WEEK_LATER)
    finished = await world.restore()
    assert ended(finished) == (4, {"restored": 2, "changed_since": 4})
    assert [one.who for one in world.sandbox.changes(ids[1])][-1] == "staff"
    assert world.sandbox.record(ids[2]).status == "completed"
    assert rows(world)[ids[0]] == ("cancelled", None)


async def test_what_others_cancelled_is_not_put_back(world):
    world.new_sandbox(Clinic(appointments=0, slot_capacity=100))
    ids = world.appointments(4)
    world.sandbox.staff.cancel(ids[0])
    await world.run(world.manifest(ids))
    assert ended(await world.restore()) == (0, {"restored": 3})
    assert confirmed(world) == {*ids[1:]}


async def test_what_was_rescheduled_comes_back_as_confirmed_only_when_that_is_asked_for(world):
    world.new_sandbox(Clinic(appointments=0, slot_capacity=100))
    ids = world.appointments(2)
    world.sandbox.staff.reschedule(ids[0], DAY)
    await world.run(world.manifest(ids))
    assert ended(await world.restore()) == (4, {"restored": 1, "was_rescheduled": 1})
    plans = []
    finished = await world.restore(how={"rescheduled_too": True}, confirm=plans.append)
    assert ended(finished) == (0, {"restored": 2})
    assert "that they had been moved is lost" in plans[0].text


async def test_what_has_begun_is_left_as_it_is(world):
    await closed(world, 3, notice_hours=0)
    world.virtual.jump(19 * 86_400)
    assert ended(await world.restore()) == (4, {"already_started": 3})


async def test_of_what_was_not_seen_before_nothing_is_put_back(world):
    world.new_sandbox(Clinic(appointments=0, slot_capacity=100))
    world.sandbox.keys.add("writes", {"appointments:write"})
    ids = world.appointments(3)
    options = {"notice_hours": 0, "timezone": "Asia/Kolkata"}
    await world.run(world.manifest(ids), key="writes", **options)
    assert ended(await world.restore(how=OVERBOOK)) == (4, {"unknown_before": 3})


async def test_a_restore_of_a_restore_is_refused(world):
    await closed(world, 3)
    await world.restore()
    patches = len(world.sandbox.history.patches())
    with pytest.raises(InputError, match="it has cancelled nothing") as refusal:
        await world.restore(how={"batch": "closure.restore"})
    assert "--batch closure" in refusal.value.hint
    assert patches == len(world.sandbox.history.patches())


async def test_a_batch_of_that_name_that_is_no_restore_is_left_alone(world):
    ids = await closed(world, 2)
    await world.run(world.manifest(ids), batch="closure.restore")
    with pytest.raises(InputError, match="it is not a restore"):
        await world.restore()


async def test_a_manifest_cannot_join_a_restore(world):
    ids = await closed(world, 2)
    await world.restore()
    with pytest.raises(InputError, match="restores closure"):
        await world.run(world.manifest(ids), batch="closure.restore")


async def test_nothing_is_enrolled_before_the_answer_is_yes(world):
    await closed(world, 3)

    def no(plan):
        raise Refusal("not confirmed")

    with pytest.raises(Refusal):
        await world.restore(confirm=no)
    with world.account() as ledger:
        assert [one.name for one in ledger.batches()] == ["closure"]
    assert confirmed(world) == set()


async def test_a_canary_counts_what_was_restored_before(world):
    await closed(world, 9)
    assert [ended(await world.restore(limit=5))[1] for _ in range(2)] == [
        {"restored": 5, "waiting": 4}
    ] * 2
    assert ended(await world.restore()) == (0, {"restored": 9})


async def test_of_a_manifest_only_what_the_batch_cancelled_is_put_back(world):
    ids = await closed(world, 5)
    some = world.folder / "some.csv"
    some.write_text("\n".join(["appointment_id", *ids[:2], "stranger"]) + "\n")
    plans = []
    how = {"only": manifest_source(str(some))}
    for _ in range(2):
        finished = await world.restore(how=how, confirm=plans.append)
        assert ended(finished) == (4, {"restored": 2})
        left = what_next(finished.summary, "restore", was_stopped=False)
        assert "Left alone:     1 row of those named" in left
    assert [1, 1] == [plan.facts["unknown"] for plan in plans]
    first, again = (" ".join(plan.text.split()) for plan in plans)
    named = " ".join(f"{one} 2026-06-20 Morning" for one in ids[:2])
    assert f"To be confirmed again: {named} 3 others stay cancelled." in first
    assert "restored already 2 nothing to do" in again
    assert "!! 1 row of those named: not cancelled by batch closure." in again
    assert ["not_cancelled_here"] * 2 == world.watching.cautions
    assert ended(await world.restore()) == (0, {"restored": 5})


async def test_what_had_moved_in_the_last_moment_is_put_back_when_it_is_named(world):
    world.new_sandbox(Clinic(appointments=0, slot_capacity=100))
    ids = world.appointments(3)

    def move(planned):
        world.sandbox.staff.move(ids[0], session="Evening")

    await world.run(world.manifest(ids), confirm=move)
    assert rows(world)[ids[0]] == ("needs_review", "moved")
    assert ended(await world.restore()) == (0, {"restored": 2})
    some = world.folder / "some.csv"
    some.write_text(f"appointment_id\n{ids[0]}\n")
    how = {"only": manifest_source(str(some)), "rescheduled_too": True}
    assert ended(await world.restore(how=how)) == (0, {"restored": 3})
    assert rows(world)[ids[0]] == ("restored", None)


# Doubt


@pytest.mark.promise(22)
@CHECKS
@pytest.mark.parametrize("fault", ["reset", "late_reset"])
async def test_broken_off_between_intent_and_answer_it_comes_to_the_same_end(world, fault, checks):
    ids = await closed(world, 3, places=3, checks=checks)
    for number in range(2):
        world.sandbox.add(f"new{number}", date=DAY)
    world.sandbox.faults.add(Fault(fault, seconds=1), method="PATCH", times=None)
    stopped = await world.restore(max_attempts=1)
    world.sandbox.faults.clear()
    world.virtual.jump(5)
    assert stopped.summary.counts["gave_up"] == 1
    assert ended(await world.restore()) == (4, {"restored": 1, "slot_taken": 2})
    assert len(confirmed(world) & {*ids}) == 1
    assert Counter(one.after for one in world.sandbox.changes())["confirmed"] == 1


async def test_what_staff_cancelled_again_after_a_lost_answer_is_for_a_person(world):
    ids = await closed(world, 1)
    world.sandbox.faults.add(Fault("reset", when="after"), method="PATCH")
    await world.restore(max_attempts=1)
    world.virtual.jump(5)
    world.sandbox.staff.cancel(ids[0])
    assert ended(await world.restore()) == (4, {"needs_review": 1})
    assert world.sandbox.record(ids[0]).status == "cancelled"


async def test_a_stop_is_told_and_the_same_command_goes_on(world):
    ids, stop = await closed(world, 100), Stop()

    def watch(event):
        if isinstance(event, RowEnded) and len(confirmed(world)) >= 40:
            stop.ask(Interrupted(15))

    world.watching = watch
    stopped = await world.restore(stop=stop)
    assert 143 == stopped.summary.exit_code
    assert 40 <= stopped.summary.counts["restored"] < 100
    world.watching = lambda event: None
    assert ended(await world.restore()) == (0, {"restored": 100})
    assert confirmed(world) == {*ids}


async def test_what_was_refused_is_sent_once_more_when_that_is_asked_for(world):
    ids = await closed(world, 2)
    world.sandbox.faults.add(
        Fault("status", status=422, code="LOCKED"), method="PATCH", appointment_id=ids[0]
    )
    for _ in range(2):
        assert ended(await world.restore()) == (4, {"restored": 1, "refused": 1})
    again = await world.restore(how={"retry_refused": True})
    assert ended(again) == (0, {"restored": 2})

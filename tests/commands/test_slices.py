"""A run in slices of one window each: as one run does it, and in no more requests."""

import base64
import zlib
from collections import Counter
from datetime import date, timedelta

import anyio
import pytest

from batchcancel.commands import run, slices
from batchcancel.commands.rest import Rest
from batchcancel.errors import Interrupted, LedgerWriteFailed, Refusal, StoppedEarly
from batchcancel.ledger.contract import Look
from batchcancel.ledger.writing import Ledger
from batchcancel.sandbox import Fault
from batchcancel.stop import Stop
from tests.sample import sampled
from tests.world import ended

pytestmark = pytest.mark.anyio

DAY = date(2026, 6, 20)
RATE = "12/60s"


def trouble(world, rows, faults):
    """A manifest of so many rows, and faults of PATCHes by how many go well before each."""
    manifest = world.manifest(world.appointments(rows))
    for skip, fault in faults.items():
        world.sandbox.faults.add(fault, method="PATCH", skip=skip)
    return manifest


def plain(world):
    return trouble(world, 30, {})


def long(world):
    """Pages that are older than ten minutes are read anew."""
    return trouble(world, 140, {})


def lost(world):
    """Applied, and the answer does not come: each is in doubt, and read."""
    return trouble(world, 30, dict.fromkeys(range(0, 30, 3), Fault("reset", when="after")))


def refused(world):
    return trouble(world, 30, dict.fromkeys((5, 7, 8, 9, 22), Fault("status", status=409)))


def turned_away(world):
    limit = Fault("status", status=429, retry_after=45)
    return trouble(world, 30, dict.fromkeys((4, 5, 15), limit))


def given_up(world):
    ids = world.appointments(30)
    for one in (ids[7], ids[8], ids[20]):
        world.sandbox.faults.add(
            Fault("status", status=503), method="PATCH", appointment_id=one, times=None
        )
    return world.manifest(ids)


def unknown(world):
    return world.manifest([*world.appointments(25), "b1", "b2", "b3"])


def looked_up(world):
    """Each on a day of its own that the manifest does not name: read at their turn, then sent."""
    ids = [f"a{number:03}" for number in range(60)]
    for number, one in enumerate(ids):
        world.sandbox.add(one, date=DAY + timedelta(days=3 * number))
    world.virtual.jump(120)
    return world.write("appointment_id", *ids)


@pytest.mark.parametrize(
    ("prepare", "options"),
    sampled(
        [
            (given_up, {"max_attempts": 3}),
            (turned_away, {}),
            (plain, {"limit": 20}),
            (refused, {"halt_after": 40}),
            (looked_up, {}),
            (unknown, {"halt_after": 9}),
            (lost, {"concurrency": 3}),
            (lost, {"concurrency": 1}),
            (long, {}),
        ],
        every=3,
    ),
)
async def test_a_run_in_slices_ends_as_one_run_does_and_asks_nothing_twice(world, prepare, options):
    told = []
    for how in (world.run, world.run_in_slices):
        world.new_sandbox()
        manifest = prepare(world)
        ledger, began = world.folder / f"{how.__name__}.db", anyio.current_time()
        done = await how(
            manifest, rate=RATE, ledger=ledger, state_dir=world.folder / how.__name__, **options
        )
        sent = world.sandbox.history.arrivals
        assert len(sent) == done.summary.requests
        assert done.summary.elapsed_s == pytest.approx(anyio.current_time() - began, abs=1)
        told.append(
            (ended(done), done.summary.rate_limited, Counter(one.method for one in sent),
             len(world.sandbox.changes()))
        )  # fmt: skip
        assert world.sandbox.most_arrivals <= 12
    assert told[0] == told[1]
    assert world.slices > 1


def full(world, manifest, **options):
    """The pause of the first slice."""
    return world.paused(manifest, rate=RATE, **options)


def noted(world):
    """What was answered about rows that wait."""
    with world.account() as account:
        return Counter(
            one.outcome for one in account.rows("closure") if one.state == "waiting" and one.outcome
        )


def kept(world):
    """What stands in the ledger between two slices."""
    with world.account() as account:
        [rest] = account.looks("closure", rest=True)
        return zlib.decompress(base64.b85decode(rest.found["rest"])).decode()


@pytest.mark.promise(3)
async def test_what_was_not_found_waits_from_slice_to_slice_until_another_row_proves_life(world):
    ids = world.appointments(20)
    world.sandbox.faults.add(Fault("status", status=404), method="PATCH", times=4, skip=5)
    held = []
    world.between = lambda: held.append(noted(world))
    done = await world.run_in_slices(world.manifest(ids), rate=RATE, concurrency=1)
    assert [{"not_found": 4}] == held[:1]
    assert (4, {"cancelled": 16, "not_found": 4}) == ended(done)


@pytest.mark.promise(3)
async def test_a_streak_of_failures_over_two_slices_stops_the_run_and_settles_none_of_them(world):
    manifest = world.manifest(world.appointments(20))
    world.sandbox.faults.add(Fault("status", status=404), method="PATCH", times=None, skip=6)
    done = await world.run_in_slices(manifest, rate=RATE, concurrency=1, halt_after=8)
    assert (2, 5) == (world.slices, done.summary.exit_code)
    assert (5, {"cancelled": 6, "waiting": 14}) == ended(done)


async def test_notes_are_kept_in_no_ledger_and_sent_in_each_slice(world):
    ids = world.appointments(20)
    manifest = world.write("appointment_id,notes", *(f"{one},called {one}" for one in ids))
    pause = await full(world, manifest, notice_hours=0)
    assert ids[-1] in kept(world)
    assert "called" not in kept(world)
    done = await world.run_in_slices(manifest, rate=RATE, notice_hours=0, after=pause.run_id)
    assert {f"called {one}" for one in ids} == {
        one.body["notes"] for one in world.sandbox.history.patches()
    }
    assert (0, 1) == (done.summary.exit_code, world.slices)


async def test_a_manifest_with_notes_that_was_replaced_between_two_slices_is_refused(world):
    ids = world.appointments(20)
    manifest = world.write("appointment_id,notes", *(f"{one},called" for one in ids))
    pause = await full(world, manifest, notice_hours=0)
    world.write("appointment_id,notes", *(f"{one},written" for one in ids))
    with pytest.raises(Refusal, match="the manifest of batch closure changed"):
        await world.run_in_slices(manifest, rate=RATE, notice_hours=0, after=pause.run_id)
    assert {"called"} == {one.body["notes"] for one in world.sandbox.history.patches()}


async def test_a_run_by_somebody_else_between_two_slices_is_met_by_a_new_plan(world):
    ids = world.appointments(30)
    manifest = world.manifest(ids)
    pause = await full(world, manifest)
    await world.run(manifest, rate=RATE, max_requests=6)
    done = await world.run_in_slices(manifest, rate=RATE, after=pause.run_id)
    assert (0, {"cancelled": 30}) == ended(done)
    assert Counter(world.patched()) == Counter(ids)


@pytest.mark.promise(20)
@pytest.mark.parametrize(
    "other", sampled([{"status": "confirmed"}, {"notes": "else"}, {"notice_hours": 0}], every=3)
)
async def test_a_slice_that_is_told_something_else_plans_anew(world, other):
    manifest = world.manifest(world.appointments(30))
    pause = await full(world, manifest)
    done = await world.run_in_slices(manifest, rate=RATE, after=pause.run_id, **other)
    assert (0, {"cancelled": 30}) == ended(done)
    assert 2 == len(world.plans)


@pytest.mark.promise(2)
async def test_what_a_slice_leaves_is_good_for_one_slice(world):
    manifest, stop = world.manifest(world.appointments(40)), Stop()
    pause = await full(world, manifest)
    stop.ask(Interrupted(15))
    broken = await world.slice(manifest, rate=RATE, after=pause.run_id, stop=stop)
    assert 143 == broken.summary.exit_code
    done = await world.run_in_slices(manifest, rate=RATE, after=pause.run_id)
    assert (0, {"cancelled": 40}) == ended(done)
    assert 40 == len(world.patched())


@pytest.mark.promise(6)
async def test_this_machine_s_clock_that_is_set_between_two_slices_changes_no_decision(world):
    ids = world.appointments(40, day=date(2026, 6, 2))
    manifest = world.manifest(ids, starts_at="2026-06-02T06:04:30Z")
    pause = await full(world, manifest)
    world.clock_set_by = timedelta(hours=-3)
    done = await world.run_in_slices(manifest, rate=RATE, after=pause.run_id)
    counts = done.summary.counts
    assert max(one.arrived for one in world.sandbox.history.patches()) <= 270  # 24 h before
    assert 0 < counts["cancelled"] < 40 == counts["cancelled"] + counts.skipped["notice_window"]


@pytest.mark.promise(6)
async def test_after_a_boot_the_time_is_asked_before_anything_is_sent(world):
    manifest = world.manifest(world.appointments(20))
    pause = await full(world, manifest)
    world.boot = "another boot"
    done = await world.run_in_slices(manifest, rate=RATE, after=pause.run_id)
    assert (0, {"cancelled": 20}) == ended(done)
    paths = [one.path for one in world.sandbox.history.arrivals]
    assert 2 == sum(path.endswith("/appointment-config") for path in paths)


async def test_the_most_requests_and_the_longest_duration_count_all_slices(world):
    manifest = world.manifest(world.appointments(60))
    done = await world.run_in_slices(manifest, rate=RATE, max_requests=30)
    assert (5, 30) == (done.summary.exit_code, done.summary.requests)
    began = anyio.current_time()
    done = await world.run_in_slices(manifest, rate=RATE, max_duration="150s")
    assert "--max-duration of 150 s" in done.reason.message
    assert 150 <= anyio.current_time() - began < 190


async def test_a_window_that_is_full_already_costs_no_request_and_no_run(world):
    manifest = world.manifest(world.appointments(20))
    await world.run(manifest, rate=RATE, max_requests=12, concurrency=1)
    pause = await full(world, manifest)
    assert (None, 12) == (pause.run_id, len(world.sandbox.history.arrivals))
    with world.account() as account:
        assert 1 == len(account.runs("closure"))


async def test_between_two_slices_anybody_may_have_the_batch_and_it_is_told_when_it_goes_on(world):
    manifest = world.manifest(world.appointments(20))
    began = anyio.current_time()
    pause = await full(world, manifest)
    assert 60 <= anyio.current_time() - began < 61
    with world.account() as account:
        assert not account.is_held("closure")
        [run] = account.runs("closure")
    assert (pause.run_id, 5) == (run.run_id, run.exit_code)
    assert "window is full" in run.why


async def test_a_run_that_comes_in_between_in_the_last_moment_stops_the_slice(world, monkeypatch):
    manifest = world.manifest(world.appointments(20))
    pause = await full(world, manifest)

    def sneak_in(tools, settings, **_slice):
        other = run.new_run(settings.batch, None, run_id="other", now=tools.clock.now())
        tools.ledger.hold(other)
        tools.ledger.finish(other)

    monkeypatch.setattr(slices, "require_slot", sneak_in)
    with pytest.raises(StoppedEarly, match="another run came in between"):
        await world.slice(manifest, rate=RATE, after=pause.run_id)
    assert 9 == len(world.patched())


async def test_what_nobody_of_ours_wrote_is_nothing_to_go_on_with(world, monkeypatch):
    manifest = world.manifest(world.appointments(30))
    broken = {"rest": "?"}
    monkeypatch.setattr(Rest, "look", lambda rest, _batch: Look("rest", rest.paused_at, broken))
    done = await world.run_in_slices(manifest, rate=RATE)
    assert ((0, {"cancelled": 30}), 30) == (ended(done), len(world.patched()))


async def test_what_cannot_be_kept_is_planned_anew(world, monkeypatch):
    def full(*_told):
        raise LedgerWriteFailed("the disk is full")

    manifest = world.manifest(world.appointments(30))
    monkeypatch.setattr(Ledger, "keep_rest", full)
    pause = await world.paused(manifest, rate=RATE)
    monkeypatch.undo()
    done = await world.run_in_slices(manifest, rate=RATE, after=pause.run_id)
    assert (0, {"cancelled": 30}) == ended(done)
    assert 2 == len(world.plans)


async def test_a_run_of_too_many_rows_does_not_pause(world, monkeypatch):
    monkeypatch.setattr(run, "MOST_ROWS", 29)
    done = await world.run_in_slices(world.manifest(world.appointments(30)), rate=RATE)
    assert ((0, {"cancelled": 30}), 1) == (ended(done), world.slices)


@pytest.mark.promise(8)
async def test_a_retry_after_that_is_longer_than_may_be_waited_ends_the_run_in_a_later_slice_too(
    world,
):
    manifest = world.manifest(world.appointments(30))
    asked = Fault("status", status=429, retry_after=900)
    world.sandbox.faults.add(asked, method="PATCH", skip=12)
    done = await world.run_in_slices(manifest, rate=RATE, concurrency=1)
    assert (2, 5, 1) == (world.slices, done.summary.exit_code, done.summary.rate_limited)
    assert "900 s of patience" in done.reason.message


@pytest.mark.promise(9)
async def test_a_run_that_is_turned_away_for_too_long_in_all_slices_together_stops(world):
    manifest = world.manifest(world.appointments(30))
    busy = Fault("status", status=429, retry_after=100)
    world.sandbox.faults.add(busy, method="PATCH", times=None, skip=5)
    began = anyio.current_time()
    done = await world.run_in_slices(manifest, rate=RATE, concurrency=1, max_retry_after="250s")
    assert 5 == done.summary.exit_code
    assert "turned every request away" in done.reason.message
    assert 250 < anyio.current_time() - began < 450

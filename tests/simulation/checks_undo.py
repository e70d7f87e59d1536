"""What must be true where a batch is verified, and where what it cancelled is restored."""

import json
from collections.abc import Iterator
from datetime import timedelta

from batchcancel.sandbox.book import StatusChange
from tests.simulation.account import Commit
from tests.simulation.checks_ends import NOTHING_SENT, sent_patches
from tests.simulation.checks_ledger import is_late_application
from tests.simulation.checks_requests import patches_of
from tests.simulation.network import Departure
from tests.simulation.oracle import promise, sight
from tests.simulation.process import End
from tests.simulation.shown import Shown, leaves_doubt, records_in
from tests.simulation.world import World

_SIGHTS = {
    "restored": "a row put back",
    "slot_taken": "a place that was taken",
    "changed_since": "a row touched before it was put back",
}
SOMETIMES_UNDOING = (
    *_SIGHTS.values(),
    *("a restore that went on after a crash", "a batch that is as it was left", "a drift"),
)


def restoring(world: World, appointment_id: str) -> list[Departure]:
    """The PATCHes of restores."""
    return [one for one in patches_of(world, appointment_id) if one.process.command.undo]


def _shown_to_runs(world: World, appointment_id: str) -> list[Shown]:
    runs = [one for one in world.network.departures if one.process.command.undo is None]
    return [records_in(one)[appointment_id] for one in runs if appointment_id in records_in(one)]


def _by_us(world: World, appointment_id: str, status: str) -> list[StatusChange]:
    changes = world.sandbox.changes(appointment_id)
    return [one for one in changes if (one.who, one.after) == ("api", status)]


@promise(22, at="PATCH, undoing")
def only_what_this_batch_cancelled_is_put_back(world: World, departure: Departure) -> Iterator[str]:
    """A PATCH confirms what this batch cancelled, was shown to be as that left it, was confirmed
    before, and has not begun; what is in doubt was shown after the PATCH before.
    """
    one, process = departure.appointment_id or "", departure.process
    if json.loads(departure.body) != {"status": "confirmed"}:
        yield f"{departure.body!r} for {one}"
    standing, shown = world.account.rows.get(one), process.shown.last.get(one)
    runs = [each for each in patches_of(world, one) if not each.process.command.undo]
    # Cancelled by others while it was in doubt, it looks as if we had; and what it was when a PATCH
    # came, no answer tells: what a run was shown last must do.
    is_in_doubt = any(map(leaves_doubt, runs)) or world.account.intents.get(one, 0) > len(runs)
    changes = [each for each in world.sandbox.changes(one) if each.after == "cancelled"]
    ours = changes if is_in_doubt else _by_us(world, one, "cancelled")
    seen = [each for each in _shown_to_runs(world, one) if each.status == "cancelled"]
    left_at = {each.updated_at for each in seen} if is_in_doubt else {ours[-1].at for _ in ours[:1]}
    alive = [each.status for each in _shown_to_runs(world, one) if each.status != "cancelled"]
    if standing is None or standing.outcome != "cancelled" or not ours:
        yield f"{one} stands as {standing}"
    elif shown is None or shown.status != "cancelled" or shown.updated_at not in left_at:
        yield f"{one} was shown as {shown}, and we left it at {left_at}"
    elif (before := (alive or [ours[-1].before])[-1]) not in (
        "confirmed",
        process.command.undo.also,
    ):
        yield f"{one} was {before}"
    starts = [*world.starts_of(one), *world.cautious_starts_of(one)]
    if all(world.sandbox.now() > start.latest for start in starts):
        yield f"{one} starts at {starts}"
    *sent, _ = restoring(world, one)
    if sent and leaves_doubt(sent[-1]) and (shown is None or shown.at < sent[-1].at):
        yield f"{one} was in doubt since {sent[-1].at:.3f}, and was not read"


@promise(1, at="PATCH, undoing")
def intent_to_restore_is_durable(world: World, departure: Departure) -> Iterator[str]:
    """No PATCH that confirms leaves before an intent of its own is committed."""
    one, account = departure.appointment_id or "", world.account
    intents, sent = account.undoing.get(one, 0), len(restoring(world, one))
    is_open = one in account.ids("open", account.undone)
    if not is_open or intents < sent:
        yield f"{one} has {intents} intents for {sent} PATCHes"


@promise(22, at="PATCH, undoing")
def no_more_than_was_free_is_put_back(world: World, departure: Departure) -> Iterator[str]:
    """Unless asked to, a process sends for a window no more than it was told is free there, with
    those that were under way when it asked.
    """
    process = departure.process
    where = {one: shown.place for one, shown in process.shown.last.items()}
    place = where.get(departure.appointment_id or "")
    if process.command.undo.overbook:
        return
    asked_at, free = process.shown.free.get(place, (0.0, 0))
    taken = {
        id_
        for id_ in where
        for one in restoring(world, id_)
        if one.process is process and where[id_] == place
        if not _is_counted(one, process.shown.last[id_], asked_at)
    }
    if len(taken) > free:
        yield f"{sorted(taken)} were sent, and {free} places were free at {asked_at:.3f}"


def _is_counted(departure: Departure, shown: Shown, asked_at: float) -> bool:
    """Whether its end was known when the places were asked for, by its answer or by the record."""
    if departure.answered is None:
        return shown.status == "confirmed" and departure.at < shown.at <= asked_at
    return departure.answered < asked_at or not leaves_doubt(departure)


@promise(2, at="commit, undoing")
def the_batch_stays_as_it_is(world: World, commit: Commit) -> Iterator[str]:
    """Of the batch itself a restore changes what it has put back just now, and that stays."""
    changed = commit.newly_undone()
    for one, standing in commit.before.rows.items():
        is_back = one in changed and changed[one].outcome == "restored" != standing.outcome
        if commit.after.rows[one] != (("settled", "restored", None) if is_back else standing):
            yield f"{one} was {standing}, and is {commit.after.rows[one]}"
    for one in changed.keys() & commit.before.undone.keys():
        if commit.before.undone[one].outcome == "restored":
            yield f"{one} was restored, and is {commit.after.undone[one]}"


@promise(3, at="commit, undoing")
def what_is_told_of_a_restore_is_true(world: World, commit: Commit) -> Iterator[str]:
    """Settled as restored, we had confirmed it, or somebody else had after it was shown; settled
    otherwise, it is not confirmed by us, as far as a record that was read before a lost request was
    applied can tell.
    """
    for one, standing in commit.newly_undone().items():
        ours = _by_us(world, one, "confirmed")
        if standing.outcome == "restored" and not (ours or _is_confirmed_again(world, one)):
            yield f"{one} is settled as {standing}, and we never confirmed it"
        is_left = standing.state == "settled" and standing.outcome in ("skipped", "refused")
        is_ours = ours[-1:] == world.sandbox.changes(one)[-1:]
        if is_left and is_ours and not is_late_application(world, one, ours[-1].at):
            yield f"{one} is settled as {standing}, and we confirmed it at {ours[-1].at}"


def _is_confirmed_again(world: World, appointment_id: str) -> bool:
    """Whether it was confirmed when our PATCH came, which then changed no more than the time; or so
    little before it was sent, and lost, that a `Date` cannot tell: see `skipped_is_too_late`.
    """
    *_, last = world.sandbox.changes(appointment_id)
    slack = timedelta(seconds=1 + world.scenario.option.timeout)
    arrivals = world.sandbox.history.arrivals
    for one in restoring(world, appointment_id):
        arrival = None if one.arrival is None else arrivals[one.arrival]
        is_no_change = arrival is not None and arrival.applied and last.at <= arrival.at
        if is_no_change or world.seconds_of(last.at + slack) >= one.at:
            return last.after == "confirmed"
    return False


@promise(16, at="end of a run, undoing")
def exit_code_of_a_restore_tells_the_truth(world: World, end: End) -> Iterator[str]:
    """0 means that all is put back, 4 that something is not, 2, 3 and 6 that no PATCH left."""
    code, undone = end.exit_code, world.account.undone
    if code == 1:
        yield f"a defect: {end.error!r} {end.error.__cause__!r}"
    if code in NOTHING_SENT and sent_patches(world, end):
        yield f"exit {code}, and PATCHes were sent"
    if code is None or end.process.verified is not None:
        return
    left = [one for one, standing in undone.items() if standing.outcome != "restored"]
    if code == 0 and left and "limit" not in world.scenario.options:
        yield f"exit 0, and {left} are not put back"
    if code == 4 and not left:
        yield "exit 4, and all is put back"


@promise(16, at="end of a run, undoing")
def drift_is_told(world: World, end: End) -> Iterator[str]:
    """A verify tells of exactly what the batch cancelled, as it was shown last: still cancelled,
    alive, or moved from where it was cancelled.
    """
    verified, account = end.process.verified, world.account
    if verified is None:
        return
    told = {one.row.appointment_id: one.now for one in verified.rows}
    ours = {
        one
        for one, standing in account.rows.items()
        if standing.outcome == "cancelled" or standing[1:] == ("needs_review", "moved")
    }
    if told.keys() != ours:
        yield f"{sorted(told)} were verified, and {sorted(ours)} cancelled"
    for one, now in told.items():
        shown = end.process.shown.last.get(one)
        if now not in (("gone", "unread") if shown is None else _states(world, one, shown)):
            yield f"{one} is told as {now}, and was shown as {shown}"
    is_well = {*told.values()} <= {"cancelled"}
    if end.exit_code != (0 if is_well else 4):
        yield f"exit {end.exit_code}, and verify told of {told}"


def _states(world: World, appointment_id: str, shown: Shown) -> Iterator[str]:
    """As what it may be told; a manifest that names no more than an id may not tell of a move."""
    before = [one for one in _shown_to_runs(world, appointment_id) if one.status == "cancelled"]
    if shown.status == "cancelled":
        yield "cancelled"
        return
    is_there = shown.place == before[-1].place
    if world.account.rows[appointment_id].reason or not is_there:
        yield "moved"
    # A manifest that was refused names other days, and changes nothing.
    if is_there or world.rows[appointment_id].named.day in (None, shown.day):
        yield "alive"


@sight(at="commit, undoing")
def rows_put_back(world: World, commit: Commit) -> Iterator[str]:
    for standing in commit.newly_undone().values():
        yield _SIGHTS.get(standing.reason or standing.outcome or "", "another end of a restore")


@sight(at="end of a run, undoing")
def undoing(world: World, end: End) -> Iterator[str]:
    if end.process.verified is not None and end.process.verified.rows:
        yield "a batch that is as it was left" if end.exit_code == 0 else "a drift"
    undone = world.account.undone
    if any(undone[one].outcome == "restored" for one in end.process.undoing_before):
        yield "a restore that went on after a crash"

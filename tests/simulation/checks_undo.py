"""What must be true where a batch is verified, and where what it cancelled is restored."""

import json
from collections.abc import Iterator
from datetime import date

from tests.simulation.account import Account, Standing
from tests.simulation.checks_ends import NOTHING_SENT, sent_patches
from tests.simulation.checks_ledger import is_late_application
from tests.simulation.network import Departure
from tests.simulation.oracle import promise, sight
from tests.simulation.process import End, Process
from tests.simulation.rows import Place
from tests.simulation.shown import Shown, content_of, leaves_doubt, records_in
from tests.simulation.world import World

SOMETIMES_UNDOING = (
    "a row put back",
    "a row put back by overbooking",
    "a place that was taken",
    "a row touched before it was put back",
    "a restore that went on after a crash",
    "a batch that is as it was left",
    "a drift",
)


def restoring(world: World, appointment_id: str | None = None) -> list[Departure]:
    """The PATCHes of restores, of one appointment or of all."""
    return [
        one
        for one in world.network.departures
        if one.method == "PATCH" and one.process.command.undo is not None
        if appointment_id in (None, one.appointment_id)
    ]


@promise(22, at="departure, undoing")
def only_what_this_batch_cancelled_is_put_back(world: World, departure: Departure) -> Iterator[str]:
    """A PATCH confirms what this batch cancelled and its process was shown as that left it, that
    was confirmed before; in doubt, that was shown after the PATCH before.
    """
    one, process = departure.appointment_id or "", departure.process
    undo = process.command.undo
    if departure.method != "PATCH":
        return
    if json.loads(departure.body) != {"status": "confirmed"}:
        yield f"{departure.body!r} for {one}"
    standing, shown = world.account.rows.get(one), process.shown.last.get(one)
    ours = [
        change
        for change in world.sandbox.changes(one)
        if (change.who, change.after) == ("api", "cancelled")
    ]
    if standing is None or standing.outcome != "cancelled" or not ours:
        yield f"{one} stands as {standing}"
    elif shown is None or (shown.status, shown.updated_at) != ("cancelled", ours[-1].at):
        yield f"{one} was shown as {shown}, and we cancelled it at {ours[-1].at}"
    elif ours[-1].before not in ("confirmed", *["rescheduled"] * undo.rescheduled_too):
        yield f"{one} was {ours[-1].before}"
    *before, _ = restoring(world, one)
    if before and leaves_doubt(before[-1]) and (shown is None or shown.at < before[-1].at):
        yield f"{one} was in doubt since {before[-1].at:.3f}, and was not read"


@promise(1, at="departure, undoing")
def intent_to_restore_is_durable(world: World, departure: Departure) -> Iterator[str]:
    """No PATCH that confirms leaves before an intent of its own is committed."""
    one = departure.appointment_id or ""
    intents, sent = world.account.undoing.get(one, 0), len(restoring(world, one))
    standing = world.account.undone.get(one)
    if departure.method != "PATCH":
        return
    if standing is None or standing.state != "open" or intents < sent:
        yield f"{one} stands as {standing} with {intents} intents for {sent} PATCHes"


@promise(22, at="departure, undoing")
def what_has_begun_is_not_put_back(world: World, departure: Departure) -> Iterator[str]:
    """When a PATCH that confirms leaves, the appointment has not surely begun."""
    one = departure.appointment_id or ""
    if departure.method != "PATCH" or one not in world.rows:
        return
    now, starts = world.sandbox.now(), [*world.starts_of(one), *world.cautious_starts_of(one)]
    if all(now > start.latest for start in starts):
        yield f"{one} starts at {starts}, and it left at {now}"


@promise(22, at="departure, undoing")
def no_more_than_was_free_is_put_back(world: World, departure: Departure) -> Iterator[str]:
    """Unless asked to, a process sends for a window no more than it was told is free there, with
    those that were under way when it asked.
    """
    process = departure.process
    where = {one: shown.place for one, shown in process.shown.last.items()}
    place = where.get(departure.appointment_id or "")
    if departure.method != "PATCH" or process.command.undo.overbook:
        return
    asked_at, free = _free(world, process, place) if place else (0.0, 0)
    taken = {
        one.appointment_id
        for one in restoring(world)
        if one.process is process and where.get(one.appointment_id or "") == place
        if one.answered is None or (one.answered >= asked_at and leaves_doubt(one))
    }
    if len(taken) > free:
        yield f"{sorted(taken)} were sent, and {free} places were free at {asked_at:.3f}"


def _free(world: World, process: Process, place: Place) -> tuple[float, int]:
    """When a process asked last for the windows of a day, and what it was told of one."""
    day, session, branch_id = place
    for one in reversed(world.network.departures):
        content = content_of(one) if one.process is process and one.status == 200 else {}
        if "slots" in content and date.fromisoformat(content["date"]) == day:
            return one.at, sum(
                window["available_slots"]
                for window in content["slots"]
                if (window["session"], window["branch_id"]) == (session, branch_id)
            )
    return 0.0, 0


def _changed(before: Account, after: Account) -> dict[str, Standing]:
    return dict(after.undone.items() - before.undone.items())


@promise(2, at="commit, undoing")
def the_batch_stays_as_it_is(
    world: World, process: Process, before: Account, after: Account
) -> Iterator[str]:
    """Of the batch itself a restore changes what it has put back just now, and that stays."""
    back = {one for one, now in _changed(before, after).items() if now.outcome == "restored"}
    for one, standing in before.rows.items():
        is_back = one in back and standing.outcome == "cancelled"
        now = Standing("settled", "restored", None) if is_back else standing
        if after.rows.get(one) != now:
            yield f"{one} was {standing}, and is {after.rows.get(one)}"
    for one in _changed(before, after).keys() & before.undone.keys():
        if before.undone[one].outcome == "restored":
            yield f"{one} was restored, and is {after.undone[one]}"


@promise(3, at="commit, undoing")
def what_is_told_of_a_restore_is_true(
    world: World, process: Process, before: Account, after: Account
) -> Iterator[str]:
    """Settled as restored, we had confirmed it; settled otherwise, it is not confirmed by us, as
    far as a record that was read before a lost request was applied can tell.
    """
    for one, standing in _changed(before, after).items():
        changes = world.sandbox.changes(one)
        ours = [each for each in changes if (each.who, each.after) == ("api", "confirmed")]
        if standing.outcome == "restored" and not ours:
            yield f"{one} is settled as {standing}, and we never confirmed it"
        is_left = standing.state == "settled" and standing.outcome in ("skipped", "refused")
        is_ours = bool(ours) and changes[-1] is ours[-1]
        if is_left and is_ours and not is_late_application(world, one, ours[-1].at):
            yield f"{one} is settled as {standing}, and we confirmed it at {ours[-1].at}"


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
    runs = [one for one in world.network.departures if one.process.command.undo is None]
    before = [records_in(one)[appointment_id] for one in runs if appointment_id in records_in(one)]
    if shown.status == "cancelled":
        yield "cancelled"
        return
    if world.account.rows[appointment_id].reason or shown.place != before[-1].place:
        yield "moved"
    if world.rows[appointment_id].named.day in (None, shown.day):
        yield "alive"


@promise(22, at="end of all")
def nothing_is_put_back_twice(world: World) -> Iterator[str]:
    """We confirm once what we cancelled, and once more for each time that it was cancelled."""
    for one in world.rows:
        changes = world.sandbox.changes(one)
        ours = sum((change.who, change.after) == ("api", "confirmed") for change in changes)
        if ours > sum(change.after == "cancelled" for change in changes):
            yield f"{one} was confirmed {ours} times"


@sight(at="commit, undoing")
def rows_put_back(world: World, process: Process, before: Account, after: Account) -> Iterator[str]:
    for standing in _changed(before, after).values():
        if standing.outcome == "restored":
            is_asked = process.command.undo.overbook and not process.command.undo.spare
            yield "a row put back by overbooking" if is_asked else "a row put back"
        if standing.reason == "slot_taken":
            yield "a place that was taken"
        if standing.reason == "changed_since":
            yield "a row touched before it was put back"


@sight(at="end of a run, undoing")
def undoing(world: World, end: End) -> Iterator[str]:
    if end.process.verified is not None and end.process.verified.rows:
        yield "a batch that is as it was left" if end.exit_code == 0 else "a drift"
    were_open = end.process.undoing_before
    if were_open and any(world.account.undone[one].outcome == "restored" for one in were_open):
        yield "a restore that went on after a crash"

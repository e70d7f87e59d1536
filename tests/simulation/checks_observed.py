"""What must follow from what the API has shown of an appointment, or of the credits."""

from collections.abc import Iterator

from tests.simulation.account import Commit
from tests.simulation.checks_requests import patches_of
from tests.simulation.network import Departure
from tests.simulation.oracle import promise
from tests.simulation.process import End, Process
from tests.simulation.shown import SENT, Shown, is_spent, leaves_doubt, records_in
from tests.simulation.world import World


@promise(19, at="PATCH")
def what_was_shown_is_used(world: World, departure: Departure) -> Iterator[str]:
    """No PATCH leaves for an appointment that its process was shown last as completed, cancelled,
    of a status that is not sent, or elsewhere than the manifest says.
    """
    one, sight = departure.appointment_id, departure.process.shown
    shown = sight.last.get(one or "")
    if shown is None or shown.at >= departure.at:
        return
    if shown.status not in SENT or sight.is_moved(world.rows[one], shown):
        yield f"{one} was shown at {shown.at:.3f} as {shown}"


@promise(19, at="PATCH")
def what_was_cancelled_before_is_not_sent(world: World, departure: Departure) -> Iterator[str]:
    """What was seen cancelled, by this process or by one whose ledger we have, is never sent."""
    one, cancelled = departure.appointment_id, departure.process.shown.cancelled
    if one in world.seen_cancelled:
        yield f"{one} was settled as cancelled by others"
    if cancelled.get(one, departure.at) < departure.at:
        yield f"{one} was shown as cancelled at {cancelled[one]:.3f}"


@promise(19, at="PATCH")
def what_was_left_alone_is_sent_when_seen_anew(world: World, departure: Departure) -> Iterator[str]:
    """What an earlier run left alone for what it saw is sent only after it was seen again."""
    one, process = departure.appointment_id, departure.process
    if one in process.left_before and one not in process.shown.last:
        yield f"{one} was left alone, and nothing was seen of it since"


@promise(3, at="commit")
def cancelled_is_where_it_was_to_be(world: World, commit: Commit) -> Iterator[str]:
    """Settled as cancelled, the record shown last was where the manifest says."""
    for one, standing in commit.newly_settled():
        shown = commit.process.shown.last.get(one)
        if standing.outcome != "cancelled" or shown is None:
            continue
        if commit.process.shown.is_moved(world.rows[one], shown):
            yield f"{one} is settled as {standing}, and was shown as {shown}"


@promise(19, at="end of a run")
def moved_in_the_last_moment_is_for_a_person(world: World, end: End) -> Iterator[str]:
    """What a PATCH's answer shows on another day than the manifest says, or elsewhere than it was
    seen before, needs a review, unless others had cancelled it.
    """
    process = end.process
    if end.exit_code is None or process.disk_failed_at is not None or process.abandoned_at:
        return
    for one, shown in _moved_by_their_answer(world, process):
        standing = world.account.rows[one]
        by_others = standing.outcome == "already_cancelled"
        if standing.outcome != "needs_review" and not by_others:
            yield f"{one} was shown as {shown} by the answer, and stands as {standing}"


@promise(3, at="end of a run")
def spent_credits_say_nothing_of_a_row(world: World, end: End) -> Iterator[str]:
    """A run that is told of spent credits ends as stopped, with the row neither refused nor in
    doubt for that.
    """
    process = end.process
    mine = [one for one in world.network.departures if one.process is process and is_spent(one)]
    if not mine or end.exit_code is None:
        return
    if end.exit_code in (0, 3, 4):
        yield f"exit {end.exit_code}, and credits were used up at {mine[0].answered:.3f}"
    if process.disk_failed_at is not None or process.abandoned_at is not None:
        return
    for departure in mine:
        one = departure.appointment_id
        standing = world.account.rows.get(one or "")
        if departure.method != "PATCH" or standing is None:
            continue
        if standing.outcome in ("refused", "not_found"):
            yield f"{one} stands as {standing} after status {departure.status}"
        sent = patches_of(world, one)
        # Killed between its intent and its PATCH, a run leaves a doubt that no later answer ends.
        is_unsent = one in process.open_before and world.account.intents[one] > len(sent)
        if standing.state == "open" and not (is_unsent or any(map(leaves_doubt, sent))):
            yield f"{one} is in doubt after status {departure.status}"


def _moved_by_their_answer(world: World, process: Process) -> Iterator[tuple[str, Shown]]:
    for departure, seen in zip(world.network.departures, world.seen_before, strict=True):
        if departure.process is not process or departure.method != "PATCH":
            continue
        for one, shown in records_in(departure).items():
            row = world.rows.get(one)
            if row is None or shown.status != "cancelled":
                continue
            has_moved_on = seen is not None and seen.place != shown.place
            if has_moved_on or row.named.day not in (None, shown.day):
                yield one, shown

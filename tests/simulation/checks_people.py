"""What people said counts: in the manifest, by an approval, in the calendar; and who is found."""

from collections.abc import Iterator

from batchcancel.errors import Refusal
from tests.simulation.account import Commit
from tests.simulation.network import Departure
from tests.simulation.oracle import promise, sight
from tests.simulation.process import End
from tests.simulation.world import World

SOMETIMES_PEOPLE = (
    "a row marked as done",
    "a manifest that contradicts what was settled",
    "another manifest that was refused",
    "another manifest that was taken over",
    "a run under an approval",
    "an approval that did not fit",
    "a closed day read as a week later",
    "a search that was complete",
    "a search that may not be",
    "a search while somebody left",
)


@promise(2, at="PATCH")
def what_is_marked_as_done_is_not_sent(world: World, departure: Departure) -> Iterator[str]:
    """No PATCH leaves for a row that the manifest itself marks as done."""
    row = world.rows.get(departure.appointment_id or "")
    if row is not None and row.is_done(but_refused=departure.process.command.retry_refused):
        yield f"{row.appointment_id} is marked as {row.mark}"


@promise(14, at="PATCH")
def other_manifests_are_refused(world: World, departure: Departure) -> Iterator[str]:
    """No PATCH leaves where the manifest denies what was settled, or changed unasked."""
    if why := departure.process.must_refuse:
        yield f"{departure.url} left, and {why}"


@promise(14, at="end of a run")
def conflicts_never_count_as_done(world: World, end: End) -> Iterator[str]:
    """A run whose manifest denies what was settled, or changed unasked, does not end as done."""
    if end.exit_code in (0, 4) and end.process.must_refuse:
        yield f"exit {end.exit_code}, and {end.process.must_refuse}"


@promise(20, at="PATCH")
def no_more_than_approved_is_done(world: World, departure: Departure) -> Iterator[str]:
    """Under an approval PATCHes leave for that manifest and notes alone, and for no more rows."""
    process, approved = departure.process, departure.process.approved
    if approved is None:
        return
    notes = process.command.notes or world.scenario.options.get("notes")
    if (approved.text, approved.notes) != (world.text, notes):
        yield f"{departure.url} left, and another manifest or other notes were approved"
    mine = {
        one.appointment_id
        for one in world.network.departures
        if one.process is process and one.method == "PATCH"
    }
    if len(mine) > approved.eligible:
        yield f"{len(mine)} were sent, and {approved.eligible} approved"


@promise(21, at="end of a run")
def what_is_found_is_complete(world: World, end: End) -> Iterator[str]:
    """A search that says it is complete found all who were alive throughout, and nobody else."""
    finding, alive = end.process.finding, end.process.alive
    if finding is None or finding.exit_code != 0:
        return
    found = {one.appointment_id for one in finding.rows}
    if missing := set.intersection(*alive) - found:
        yield f"{sorted(missing)} were there, and not found"
    if strange := found - set.union(*alive):
        yield f"{sorted(strange)} were found, and not there"


@sight(at="commit")
def marks(world: World, commit: Commit) -> Iterator[str]:
    if any(standing.reason == "marked_done" for _, standing in commit.newly_settled()):
        yield "a row marked as done"


@sight(at="end of a run")
def people(world: World, end: End) -> Iterator[str]:
    process, why = end.process, str(end.error)
    is_refused = isinstance(end.error, Refusal)
    if process.finding is not None:
        changed = process.alive[0] != set.intersection(*process.alive)
        yield "a search that was complete" if end.exit_code == 0 else "a search that may not be"
        yield from ["a search while somebody left"] if changed else []
    if is_refused and "contradicts" in why:
        yield "a manifest that contradicts what was settled"
    if is_refused and "changed: " in why:
        yield "another manifest that was refused"
    if process.is_sending and world.is_changed:
        yield "another manifest that was taken over"
    if process.is_sending and process.approved is not None:
        yield "a run under an approval"
    if is_refused and "what was approved" in why:
        yield "an approval that did not fit"
    if process.closed_days:
        yield "a closed day read as a week later"

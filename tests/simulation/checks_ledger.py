"""What must be true of the ledger whenever something was committed to it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.simulation.account import Account, Commit
from tests.simulation.checks_requests import patches_of
from tests.simulation.oracle import promise
from tests.simulation.process import Process
from tests.simulation.rows import AGAIN
from tests.simulation.shown import is_refusal, leaves_doubt
from tests.simulation.world import World

TOO_LATE = ("notice_window", "already_started")


@promise(12, at="opening")
def what_was_committed_survives(
    world: World, process: Process, committed: Account, found: Account
) -> Iterator[str]:
    """A process finds in the ledger what was committed before it, no more and no less."""
    if found != committed:
        yield f"committed {committed}, and found {found}"


@promise(4, at="commit")
def every_row_is_accounted_for(world: World, commit: Commit) -> Iterator[str]:
    """From its enrolment on, the ledger holds every row of the manifest once."""
    manifest, after = world.scenario.manifest, commit.after
    is_whole = after.rows.keys() == world.rows.keys() and after.rejected == manifest.rejected
    if after.is_enrolled and not is_whole:
        yield f"{len(after.rows)} rows and {after.rejected} rejected, not {manifest.accounted}"


@promise(2, at="commit")
def settled_stays_settled(world: World, commit: Commit) -> Iterator[str]:
    """A row that was settled for good keeps its outcome."""
    for one, standing in commit.before.rows.items():
        now = commit.after.rows.get(one)
        is_asked_for = standing.outcome in AGAIN and commit.process.command.retry_refused
        if commit.before.is_final(one) and now != standing and not is_asked_for:
            yield f"{one} was {standing} and is {now}"


@promise(3, at="commit")
def success_is_true(world: World, commit: Commit) -> Iterator[str]:
    """Whatever is settled as cancelled was cancelled at the server by then."""
    for one, standing in commit.newly_settled():
        is_success = standing.outcome in ("cancelled", "already_cancelled")
        if is_success and not world.was_ever_cancelled(one):
            yield f"{one} is settled as {standing}, and never was"


@promise(3, at="commit")
def ours_is_not_called_anothers(world: World, commit: Commit) -> Iterator[str]:
    """Settled as already cancelled, the last cancellation is not ours, unless it was applied after
    the record had proved the opposite, and settled the row: that is past being known.
    """
    for one, standing in commit.newly_settled():
        if standing.outcome != "already_cancelled":
            continue
        changes = [change for change in world.sandbox.changes(one) if change.after == "cancelled"]
        if changes and changes[-1].who == "api":
            is_past_knowing = commit.before.rows[one].outcome == "skipped"
            if is_past_knowing and is_late_application(world, one, changes[-1].at):
                continue
            yield f"{one} was cancelled by us at {changes[-1].at}"


@promise(3, at="commit")
def what_is_left_alone_is_untouched(world: World, commit: Commit) -> Iterator[str]:
    """Settled as skipped by the policy, or as refused, an appointment was not cancelled by us, as
    far as a 404 and a record that was read before a lost request was applied can tell.
    """
    for one, standing in commit.newly_settled():
        if standing.outcome not in ("skipped", "refused") or standing.reason == "completed":
            continue
        if 404 in refusals_of(world, one):
            continue
        by_us = [change for change in world.sandbox.changes(one) if change.who == "api"]
        if by_us and not is_late_application(world, one, by_us[0].at):
            yield f"{one} is settled as {standing}, and we changed it at {by_us[0].at}"


@promise(6, at="commit")
def skipped_is_too_late(world: World, commit: Commit) -> Iterator[str]:
    """Skipped for lack of notice, an appointment's deadline is over, as far as a `Date` can tell:
    it leaves out the parts of a second, and may be as old as the request that asked for it.
    """
    now = world.sandbox.now() + timedelta(seconds=1 + world.scenario.option.timeout)
    for one, standing in commit.newly_settled():
        if standing.outcome != "skipped" or standing.reason not in TOO_LATE:
            continue
        starts = [*world.starts_of(one), *world.cautious_starts_of(one)]
        if all(now <= start.deadline(world.scenario.notice) for start in starts):
            yield f"{one} starts at {starts}, and is skipped before {now}"


@promise(3, at="commit")
def refusals_were_answered(world: World, commit: Commit) -> Iterator[str]:
    """Settled as not found or refused, the API itself had answered a 404 or another 4xx."""
    for one, standing in commit.newly_settled():
        if standing.outcome not in ("not_found", "refused"):
            continue
        statuses = refusals_of(world, one)
        is_told = 404 in statuses if standing.outcome == "not_found" else bool(statuses - {404})
        if not is_told:
            yield f"{one} is settled as {standing}; the answers were {sorted(statuses)}"


@promise(3, at="commit")
def no_refusal_ends_a_doubt(world: World, commit: Commit) -> Iterator[str]:
    """What may have been applied is never settled as not found or refused."""
    for one, standing in commit.newly_settled():
        if standing.outcome not in ("not_found", "refused"):
            continue
        lost = [patch for patch in patches_of(world, one) if leaves_doubt(patch)]
        if lost:
            yield f"{one} is settled as {standing}; what became of the PATCH at {lost[0].at:.3f}?"


def is_late_application(world: World, appointment_id: str, changed_at: datetime) -> bool:
    """Whether we had read the record before it changed, and nothing sent since changed it."""
    arrivals = world.sandbox.history.arrivals
    about = [one for one in arrivals if one.path.endswith(f"/{appointment_id}")]
    reads = [one.at for one in about if (one.method, one.status) == ("GET", 200)]
    sent = [one.at for one in about if one.method == "PATCH" and one.applied]
    sent = [one for one in sent if one <= changed_at]
    return any(max(sent) < one < changed_at for one in reads)


def refusals_of(world: World, appointment_id: str) -> set[int]:
    """With what the API itself said no about an appointment: it, or the API of another clinic."""
    about = [one for one in world.network.departures if one.appointment_id == appointment_id]
    return {one.status for one in about if is_refusal(one)}


@promise(2, at="commit")
def reviews_follow_an_intent(world: World, commit: Commit) -> Iterator[str]:
    """Only a row we may have cancelled is left to a person, or one that was cancelled before."""
    for one, standing in commit.newly_settled():
        was_cancelled = one in world.seen_cancelled or one in commit.process.shown.cancelled
        if standing.outcome != "needs_review" or was_cancelled:
            continue
        if not commit.after.intents.get(one):
            yield f"{one} needs review, and no PATCH was ever sent for it"

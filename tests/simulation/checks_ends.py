"""What must be true when a run has ended, and when all is over."""

from collections.abc import Iterator

from batchcancel.errors import BatchHeld, LedgerWriteFailed
from tests.simulation.oracle import promise
from tests.simulation.process import End
from tests.simulation.world import World

NOT_DONE = ("not_found", "refused", "gave_up", "needs_review")
NOTHING_SENT = (2, 3, 6)
DRAIN = 3.0
LAST_BREATH = 1.0
LONGEST_BACKOFF = 60.0


@promise(16, at="end of a run")
def exit_code_tells_the_truth(world: World, end: End) -> Iterator[str]:
    """0 means that nothing eligible is left, 4 that something is, 2, 3 and 6 that no PATCH left."""
    account, code = world.account, end.exit_code
    if code is None or end.process.command.is_plan:
        return
    people = [one for one, standing in account.rows.items() if standing.is_for_a_person]
    left = account.having(*NOT_DONE) or account.ids("open") or account.rejected or people
    waiting = account.ids("waiting")
    if code == 0 and (left or not account.is_enrolled):
        yield f"exit 0, and {left} are not done"
    if code == 0 and waiting and "limit" not in world.scenario.options:
        yield f"exit 0, and {waiting} wait"
    are_marked = all(row.mark for row in world.rows.values())
    if code == 4 and not left and not waiting and not are_marked:
        yield "exit 4, and nothing is left"
    if code in NOTHING_SENT and sent_patches(world, end):
        yield f"exit {code}, and PATCHes were sent"
    if code == 1:
        yield f"a defect: {end.error!r} {end.error.__cause__!r}"


@promise(13, at="end of a run", always=True)
def ledger_fails_only_with_its_disk(world: World, end: End) -> Iterator[str]:
    """The ledger refuses nothing that the program wants to write into it."""
    if isinstance(end.error, LedgerWriteFailed) and end.process.disk_failed_at is None:
        yield f"{end.error}"


@promise(16, at="end of a run")
def summary_is_the_ledgers(world: World, end: End) -> Iterator[str]:
    """The counts of a run are those of the committed ledger, and they add up."""
    if end.summary is None:
        return
    account, counts = world.account, end.summary.counts
    for outcome in ("cancelled", "already_cancelled", *NOT_DONE):
        if counts[outcome] != len(account.having(outcome)):
            yield f"{counts[outcome]} {outcome}, not {len(account.having(outcome))}"
    if counts.rows != world.scenario.manifest.accounted:
        yield f"{counts.rows} rows, not {world.scenario.manifest.accounted}"


@promise(3, at="end of a run")
def stopped_runs_settle_no_streak(world: World, end: End) -> Iterator[str]:
    """A run that did not end by itself has settled as not found or refused only what was answered
    before the API showed a record of another appointment.
    """
    if end.error is None or end.process.disk_failed_at is not None:
        return
    mine = [one for one in world.network.departures if one.process is end.process]
    alive = [one.answered for one in mine if one.status == 200 and one.appointment_id]
    # What was on its way to the disk when the signal came had ended before.
    signalled_at = (end.process.signalled_at or 0.0) + 2 * world.scenario.disk_latency
    for one in world.account.having("not_found", "refused"):
        if world.settled_at[one] < end.process.began:
            continue  # an earlier run did; when that ended, it was held against its own answers
        noes = [other.answered for other in mine if other.appointment_id == one and other.answered]
        if end.process.signalled_at and world.settled_at[one] <= signalled_at:
            continue
        if noes and not any(answered and answered >= max(noes) for answered in alive):
            yield f"{one} is settled, and nothing proved life since {max(noes):.3f}"


@promise(16, at="end of a run", always=True)
def ledger_has_the_exit_code(world: World, end: End) -> Iterator[str]:
    """The exit code in the ledger is the one the caller gets, unless the disk failed."""
    run_id = f"run-{end.process.number}"
    if run_id not in world.account.exit_codes or end.exit_code is None:
        return
    is_other = world.account.exit_codes[run_id] != end.exit_code
    if is_other and end.process.disk_failed_at is None:
        yield f"the ledger says {world.account.exit_codes[run_id]}, the caller {end.exit_code}"


def sent_patches(world: World, end: End) -> bool:
    mine = [one for one in world.network.departures if one.process is end.process]
    return any(one.method == "PATCH" for one in mine)


@promise(14, at="end of a run")
def rejected_rows_stop_everything(world: World, end: End) -> Iterator[str]:
    """With rows nobody can read, and no leave to go on without them, no request leaves."""
    sent = [one for one in world.network.departures if not one.process.command.is_find]
    if world.scenario.is_unusable and sent:
        yield f"{len(sent)} requests left"


@promise(14, at="end of all")
def bystanders_are_untouched(world: World) -> Iterator[str]:
    """Appointments that no usable row names stay as they were."""
    for one in world.scenario.manifest.bystanders:
        if world.sandbox.changes(one):
            yield f"{one} was changed"


@promise(10, at="end of a run")
def second_runs_are_refused(world: World, end: End) -> Iterator[str]:
    """While a run holds the batch, another one is refused."""
    if end.process.number < 0 and not isinstance(end.error, BatchHeld):
        yield f"a second run ended with {end}"


@promise(11, at="end of a run", always=True)
def stop_is_prompt(world: World, end: End) -> Iterator[str]:
    """A run that is to stop ends within the drain, and the second closing connections takes."""
    longest = DRAIN + LAST_BREATH + 4 * world.scenario.disk_latency
    for at in (end.process.signalled_at, end.process.abandoned_at):
        if at is not None and not end.process.is_dead and end.at - at > longest:
            yield f"it took {end.at - at:.3f} s"


@promise(7, at="end of all")
def window_is_kept(world: World) -> Iterator[str]:
    """Our requests that arrive in any window, those of another program of ours too, are no more
    than the limit; across processes without a folder for the window unless a clock was set.
    """
    for number in sorted({one.process.number for one in world.network.departures}):
        yield from _crowded(world, f"run {number}", number)
    if not world.scenario.clock_steps or world.shares_its_window:
        yield from _crowded(world, "all runs", None)


def _crowded(world: World, whose: str, number: int | None) -> Iterator[str]:
    limit, window = world.scenario.rate.limit, world.scenario.rate.seconds
    if limit is None:
        return
    arrivals = world.sandbox.history.arrivals
    mine = [one for one in world.network.departures if number in (None, one.process.number)]
    ours = [one.arrival for one in mine if one.arrival is not None]
    times = sorted(
        arrivals[one].arrived for one in (*ours, *(() if number else world.network.neighbours))
    )
    for first, later in zip(times, times[limit:], strict=False):
        if later - first < window - 1e-9:
            yield f"{whose}: {limit + 1} requests arrived in {later - first:.6f} s, until {later}"
            return


@promise(12, at="end of all")
def nothing_is_cancelled_twice(world: World) -> Iterator[str]:
    """We change an appointment to cancelled once, and once more for each time staff revived it."""
    for one in world.rows:
        changes = world.sandbox.changes(one)
        ours = sum(change.who == "api" and change.after == "cancelled" for change in changes)
        revived = sum(change.before == "cancelled" for change in changes)
        if ours > 1 + revived:
            yield f"{one} was cancelled {ours} times"


def longest_silence(world: World) -> float:
    """The longest a run may wait for anything: a backoff, then a gate or a window, an answer."""
    option = world.scenario.option
    window = world.scenario.rate.seconds + option.timeout
    gate = max(option.max_retry_after, window)
    return LONGEST_BACKOFF + gate + option.timeout + DRAIN


def longest_recovery(world: World) -> float:
    """When trouble is over, what is under way ends within so many seconds, and two more runs: for
    rows that were given up and for their read-backs, two requests for a row and a few to plan.
    """
    rate, option = world.scenario.rate, world.scenario.option
    requests = 2 * len(world.rows) + 20
    windows = 1 if rate.limit is None else requests // rate.limit + 2
    slowest = max(rate.seconds + option.timeout, requests * world.scenario.network.latency[1])
    pauses = sum(command.pause for command in world.scenario.commands)
    pauses += world.patience
    return longest_silence(world) + 3 * (windows + 1) * slowest + pauses + 400.0


@promise(9, at="end of all")
def it_finishes(world: World) -> Iterator[str]:
    """When faults stop, the batch is finished within a computed time."""
    if world.scenario.calm_at is None or world.scenario.is_unusable:
        return
    took = world.seconds() - world.scenario.calm_at
    if not world.is_done or took > longest_recovery(world):
        yield f"{took:.0f} s after the calm, not done: {world.account.rows}"

"""What the search must have met at least once, or it proves little."""

from collections.abc import Iterator

from batchcancel.errors import BatchHeld, StoppedEarly
from tests.simulation.account import Commit
from tests.simulation.checks_requests import asks_for_time, patches_of, seconds_asked_for
from tests.simulation.network import Departure
from tests.simulation.oracle import sight
from tests.simulation.process import End, Process
from tests.simulation.world import World

SOMETIMES = (
    "a crash between answer and commit",
    "an application after the time-out",
    "a re-confirmation before a resume",
    "a deadline missed in the queue",
    "an answer that was held",
    "a lost reply found in the same run",
    "a 429 with a date",
    "a Retry-After too long",
    "a refused second run",
    "a ledger write that failed",
    "a needs_review",
    "an already_cancelled",
    "a read-back that found it not applied",
    "a halt",
    "a crash with a request on its way",
    "a signal while sending",
    "a calm that came while sending",
    "a resume that finished",
)


@sight(at="killed")
def crash_between_answer_and_commit(world: World, process: Process) -> Iterator[str]:
    still_open = world.account.ids("open")
    for one in world.network.departures:
        if one.process is not process or one.method != "PATCH":
            continue
        if one.appointment_id not in still_open:
            continue
        if one.answered is not None and one.status == 200:
            yield "a crash between answer and commit"
        if one.status is None and one.given_up is None:
            yield "a crash with a request on its way"


@sight(at="PATCH")
def read_back_that_found_it_not_applied(world: World, departure: Departure) -> Iterator[str]:
    mine = [one for one in world.network.departures if one.process is departure.process]
    mine = [one for one in mine if one.appointment_id == departure.appointment_id]
    began_open = departure.appointment_id in departure.process.open_before
    if began_open and len(mine) > 1 and mine[-2].method == "GET":
        yield "a read-back that found it not applied"


@sight(at="answer")
def lost_reply_found(world: World, departure: Departure) -> Iterator[str]:
    before = patches_of(world, departure.appointment_id or "")
    is_found = departure.method == "GET" and departure.status == 200 and bool(before)
    if is_found and before[-1].process is departure.process and before[-1].status != 200:
        changes = world.sandbox.changes(departure.appointment_id)
        if changes and (changes[-1].who, changes[-1].after) == ("api", "cancelled"):
            yield "a lost reply found in the same run"


@sight(at="answer")
def patience_asked_for(world: World, departure: Departure) -> Iterator[str]:
    if not asks_for_time(departure):
        return
    if "GMT" in departure.answer_headers.get("retry-after", ""):
        yield "a 429 with a date"
    if seconds_asked_for(world, departure) > world.scenario.option.max_retry_after:
        yield "a Retry-After too long"


@sight(at="commit")
def outcomes(world: World, commit: Commit) -> Iterator[str]:
    for one, standing in commit.after.rows.items():
        if commit.before.rows.get(one) == standing:
            continue
        if standing.outcome in ("needs_review", "already_cancelled"):
            article = "a" if standing.outcome == "needs_review" else "an"
            yield f"{article} {standing.outcome}"
        if commit.process.is_sending and standing.reason == "notice_window":
            yield "a deadline missed in the queue"
        if standing.is_held:
            yield "an answer that was held"


@sight(at="end of a run")
def endings(world: World, end: End) -> Iterator[str]:
    process = end.process
    if isinstance(end.error, BatchHeld):
        yield "a refused second run"
    if isinstance(end.error, StoppedEarly) and "in a row failed" in str(end.error):
        yield "a halt"
    if process.disk_failed_at is not None:
        yield "a ledger write that failed"
    if process.signalled_at is not None and process.is_sending:
        yield "a signal while sending"
    if world.is_calm and process.is_sending and not process.was_calm:
        yield "a calm that came while sending"
    if process.open_before and world.is_done:
        yield "a resume that finished"


@sight(at="end of all")
def applications_after_the_time_out(world: World) -> Iterator[str]:
    timeout = world.scenario.option.timeout
    for arrival in world.sandbox.history.arrivals:
        if arrival.fault != "late" or not arrival.applied:
            continue
        changes = world.sandbox.changes(arrival.path.rpartition("/")[2])
        by_us = [change.at for change in changes if change.who == "api"]
        if any((at - arrival.at).total_seconds() > timeout for at in by_us):
            yield "an application after the time-out"

"""What the search must have met of truth that changes: people, pages, credits, keys, clocks."""

from collections.abc import Iterator

from batchcancel.errors import Refusal
from tests.simulation.account import SEEN, Commit
from tests.simulation.checks_requests import patches_of
from tests.simulation.network import Departure
from tests.simulation.oracle import sight
from tests.simulation.process import End, Process
from tests.simulation.shown import is_refusal, is_spent, leaves_doubt, records_in
from tests.simulation.world import World

DEEDS = ("a move", "a completion", "a cancellation", "a re-booking", "an odd status")
SOMETIMES_OBSERVED = (
    *(f"{deed} while pages were read" for deed in DEEDS),
    *(f"a skipped {why}" for why in SEEN),
    *(f"a needs_review {why}" for why in ("moved", "alive_again", "changed_after_intent")),
    "a row left alone that was sent later",
    "a manifest that names other days",
    "a second page",
    "pages that showed a record twice",
    "pages that were read again in the run",
    "a move between a look and its PATCH",
    "a read between two PATCHes of a run",
    "an intent that was withdrawn",
    "a refusal by others than the API",
    "credits that ended",
    "credits that came back",
    "another clinic's key",
    "a resume after another clinic's key",
    "an answer without a Date",
    "a Date of a gateway",
    "a clock that was set in a run",
    "a machine that slept in a run",
    "another program in the window",
)


@sight(at="commit")
def endings_by_what_was_seen(world: World, commit: Commit) -> Iterator[str]:
    if commit.after.withdrawn > commit.before.withdrawn:
        yield "an intent that was withdrawn"
    for one, standing in commit.after.rows.items():
        was = commit.before.rows.get(one)
        if was == standing:
            continue
        if standing.is_left_alone or standing.outcome == "needs_review":
            yield f"a {standing.outcome} {standing.reason}"
        if one in commit.process.left_before and standing.outcome == "cancelled":
            yield "a row left alone that was sent later"


@sight(at="answer")
def pages(world: World, departure: Departure) -> Iterator[str]:
    url, process = departure.url, departure.process
    if departure.status != 200 or "?date=" not in url or "&page=" not in url:
        return
    if "&page=1&" not in url:
        yield "a second page"
    if process.is_sending:
        yield "pages that were read again in the run"
    before = {
        one
        for other in world.network.departures
        if other.process is process
        and other is not departure
        and other.url.partition("&page=")[0] == url.partition("&page=")[0]
        for one in records_in(other)
    }
    if before & records_in(departure).keys():
        yield "pages that showed a record twice"


@sight(at="answer")
def answers(world: World, departure: Departure) -> Iterator[str]:
    one = departure.appointment_id
    if not departure.is_dated:
        yield "an answer without a Date"
    elif departure.answer_headers.get("date") != departure.date:
        yield "a Date of a gateway"
    is_patch = departure.method == "PATCH"
    if is_patch and 400 <= departure.status < 429 and leaves_doubt(departure):
        yield "a refusal by others than the API"
    if departure.status == 404 and is_refusal(departure) and departure.arrival is None:
        yield "another clinic's key"
    if is_spent(departure):
        yield "credits that ended"
    if is_patch and departure.status == 200:
        shown = departure.process.shown.last.get(one)
        if shown is not None and departure.process.shown.is_moved(world.rows[one], shown):
            yield "a move between a look and its PATCH"


@sight(at="PATCH")
def reads_between_patches(world: World, departure: Departure) -> Iterator[str]:
    *before, _ = patches_of(world, departure.appointment_id)
    if before and before[-1].process is departure.process and leaves_doubt(before[-1]):
        yield "a read between two PATCHes of a run"


@sight(at="end of a run")
def endings(world: World, end: End) -> Iterator[str]:
    process = end.process
    others = [one for one in world.network.departures if one.process is not process]
    cancelled = world.account.having("cancelled")
    is_done = end.exit_code in (0, 4) and bool(cancelled)
    if is_done and any(map(is_spent, others)):
        yield "credits that came back"
    if is_done and any(one.process.command.has_wrong_key for one in others):
        yield "a resume after another clinic's key"
    if isinstance(end.error, Refusal) and "than the manifest says" in str(end.error):
        yield "a manifest that names other days"
    if process.is_sending:
        yield from _clocks(world, process, until=end.at)


def _clocks(world: World, process: Process, *, until: float) -> Iterator[str]:
    if any(process.began < at < until for at, _ in world.scenario.clock_steps):
        yield "a clock that was set in a run"
    if any(process.began < at < until for at, _ in world.naps):
        yield "a machine that slept in a run"
    arrivals = world.sandbox.history.arrivals
    times = [arrivals[one].arrived for one in world.network.neighbours]
    if any(process.began < at < until for at in times):
        yield "another program in the window"

"""What must be true of every request at the moment it leaves."""

import json
import math
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from tests.simulation.network import Departure
from tests.simulation.oracle import promise
from tests.simulation.rows import EXACT, Span, day_span
from tests.simulation.shown import is_spent, leaves_doubt
from tests.simulation.world import World

PAUSE_WITHOUT_RETRY_AFTER = 5.0
LOOK_UPS = ("/v1/appointments", "/v1/appointment-config", "/v1/appointment-slots/availability")
A_TRIFLE = 1e-6


def patches_of(world: World, appointment_id: str) -> list[Departure]:
    about = [one for one in world.network.departures if one.appointment_id == appointment_id]
    return [one for one in about if one.method == "PATCH"]


@promise(1, at="PATCH")
def intent_is_durable(world: World, departure: Departure) -> Iterator[str]:
    """No PATCH leaves before an intent of its own is committed."""
    one = departure.appointment_id
    intents, sent = world.account.intents.get(one, 0), len(patches_of(world, one))
    standing = world.account.rows.get(one)
    if standing is None or standing.state != "open" or intents < sent:
        yield f"{one} stands as {standing} with {intents} intents for {sent} PATCHes"


@promise(2, at="PATCH")
def settled_is_never_sent_again(world: World, departure: Departure) -> Iterator[str]:
    """After an id was settled in the committed ledger, no PATCH for it leaves."""
    standing = world.final.get(departure.appointment_id or "")
    if standing is not None:
        yield f"{departure.appointment_id} was settled as {standing}"


@promise(2, at="PATCH")
def rows_in_doubt_are_read_first(world: World, departure: Departure) -> Iterator[str]:
    """A row that may have been cancelled already is sent again only after a read of it, by the
    same process and after the last PATCH.
    """
    process, one = departure.process, departure.appointment_id
    *before, _ = patches_of(world, one)
    if one not in process.open_before and not any(map(leaves_doubt, before[-1:])):
        return
    if not any(
        other.method == "GET" and other.process is process and other.status == 200
        for other in world.network.departures
        if other.appointment_id == one and (not before or other.at >= before[-1].at)
    ):
        yield f"{one} was in doubt, and was not read"


@promise(2, at="PATCH")
def revived_rows_are_left_to_a_person(world: World, departure: Departure) -> Iterator[str]:
    """A row that staff revived between our intent and this run is not cancelled again."""
    process, one = departure.process, departure.appointment_id
    if one not in process.open_before:
        return
    first = patches_of(world, one)[0].at
    for change in world.sandbox.changes(one):
        at = world.seconds_of(change.at)
        if change.who == "staff" and change.before == "cancelled" and first < at < process.began:
            yield f"{one} was made {change.after} at {at:.3f}, after our PATCH at {first:.3f}"


@promise(5, at="departure")
def only_what_was_asked_is_sent(world: World, departure: Departure) -> Iterator[str]:
    """Requests are GETs, or PATCHes of rows of the manifest that cancel and add the notes."""
    path = departure.url.removeprefix("http://localhost").partition("?")[0]
    if departure.headers.get("authorization") != f"Bearer {departure.process.key}":
        yield f"{departure.url} went out with another key"
    if departure.appointment_id is None and path in LOOK_UPS and departure.method == "GET":
        return
    row = world.rows.get(departure.appointment_id or "")
    if row is None or path != f"/v1/appointments/{row.appointment_id}":
        yield f"{departure.method} {departure.url} is about no row of the manifest"
    elif departure.method == "PATCH":
        process = departure.process
        notes = row.notes or process.command.notes or world.scenario.options.get("notes")
        asked = {"status": "cancelled"} | ({"notes": notes} if notes else {})
        if json.loads(departure.body) != asked:
            yield f"{departure.body!r} for {row.appointment_id}"
    elif departure.method != "GET":
        yield f"{departure.method} {departure.url}"


@promise(6, at="PATCH")
def notice_is_kept_at_send_time(world: World, departure: Departure) -> Iterator[str]:
    """When a PATCH leaves, its deadline is not over on the API's clock."""
    one = departure.appointment_id
    if one not in world.rows:
        return
    now, starts = world.sandbox.now(), list(_known_starts(world, departure))
    if starts and all(now > start.deadline(world.scenario.notice) for start in starts):
        yield f"{one} starts at {starts}, and it left at {now}"


def _known_starts(world: World, departure: Departure) -> Iterator[Span]:
    """When it starts by the manifest, or where the process saw it last, as far as it could tell."""
    row, shown = world.rows[departure.appointment_id], departure.process.shown.last
    if row.start is not None:
        yield row.start
    if row.kind in EXACT or (row.kind == "ids" and not world.scenario.notice):
        return
    if row.appointment_id in shown:
        place = shown[row.appointment_id].place
        yield world.session_at(place)
        if world.is_calendar_silent:
            yield day_span(place[0], timezone=world.scenario.timezone)


def commit_time(world: World) -> float:
    """How long an intent may be on its way to the disk: behind one group, and in its own."""
    return 2 * world.scenario.disk_latency + A_TRIFLE


@promise(8, at="departure", always=True)
def retry_after_is_obeyed(world: World, departure: Departure) -> Iterator[str]:
    """After an answer with Retry-After no request of the process leaves before it is over; one
    that asks for more patience than allowed ends the run, a bare 429 asks for a short pause.
    """
    for other in world.network.departures:
        if other.process is not departure.process or not other.answered or not asks_for_time(other):
            continue
        seconds = seconds_asked_for(world, other)
        if seconds > world.scenario.option.max_retry_after:
            seconds = math.inf
        since = departure.at - other.answered
        if commit_time(world) < since < seconds - A_TRIFLE:
            asked = f"a {other.status} that asked for {seconds:g} s"
            yield f"{departure.url} left {since:.3f} s after {asked}"


def asks_for_time(departure: Departure) -> bool:
    """Whether an answer says to come again later."""
    if departure.status == 429:
        return True
    return departure.status == 503 and "retry-after" in departure.answer_headers


def seconds_asked_for(world: World, departure: Departure) -> float:
    """What the Retry-After of an answer means, by a reading of our own."""
    text = departure.answer_headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    try:
        until, date = parsedate_to_datetime(text), parsedate_to_datetime(departure.date)
    except (ValueError, TypeError):
        return PAUSE_WITHOUT_RETRY_AFTER
    # Where the answer is undated the program knows the time better than `Date` would have told it,
    # and how much of it went by on the way.
    slept = sum(length for at, length in world.naps if departure.at <= at <= departure.answered)
    on_its_way = 0.0 if departure.is_dated else 1 + departure.answered - departure.at + slept
    return (until - date).total_seconds() - on_its_way


@promise(10, at="departure", always=True)
def who_may_not_send_does_not(world: World, departure: Departure) -> Iterator[str]:
    """A plan sends no PATCH, and a refused second run sends nothing at all."""
    command = departure.process.command
    if command.is_plan and departure.method == "PATCH":
        yield f"a plan sent {departure.url}"
    if departure.process.number < 0:
        yield f"a second run sent {departure.url}"


@promise(11, at="departure", always=True)
def nothing_leaves_after_a_stop(world: World, departure: Departure) -> Iterator[str]:
    """After SIGINT or SIGTERM no new PATCH leaves, nor after the job was abandoned."""
    process = departure.process
    for at in (process.signalled_at, process.abandoned_at):
        if departure.method == "PATCH" and at is not None:
            yield f"{departure.url} left after the stop at {at:.6f}"


@promise(13, at="departure", always=True)
def no_ledger_no_sends(world: World, departure: Departure) -> Iterator[str]:
    """After a ledger write failed, nothing more leaves."""
    if departure.process.disk_failed_at is not None:
        yield f"{departure.url} left after a write failed"


@promise(3, at="departure", always=True)
def fatal_answers_stop_everything(world: World, departure: Departure) -> Iterator[str]:
    """After a rejected key, a redirect, or word that credits are used up, no PATCH leaves."""
    for other in world.network.departures:
        is_fatal = other.status is not None and (other.status == 401 or 300 <= other.status < 400)
        if (is_fatal or is_spent(other)) and other.answered and other.process is departure.process:
            if departure.method == "PATCH":
                yield f"{departure.url} left after status {other.status}"
            return

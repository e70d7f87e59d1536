"""What a person and a log see of a command while it goes on."""

import json
import math
import re
from types import SimpleNamespace

import anyio
import pytest
import trio
from trio.testing import MockClock

from batchcancel.api import Ask, Meaning
from batchcancel.appointments import Outcome, OutcomeName
from batchcancel.cli import terminal
from batchcancel.cli.watching import Watching
from batchcancel.events import (
    PlanMade,
    RateWindowFull,
    RequestAnswered,
    RequestSent,
    RowEnded,
    RunStarted,
    WindowNotShared,
)
from batchcancel.settings.load import load_settings
from batchcancel.stop import background

OUTAGE = RequestAnswered(
    ask=Ask.CANCEL, appointment_id="a1", meaning=Meaning.UNKNOWN, code="connection_refused"
)
ASKED = RequestSent(ask=Ask.CONFIG, appointment_id=None)


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch):
    monkeypatch.setattr("sys.argv", ["batchcancel"])
    terminal.begin()
    yield
    terminal.begin()


def limiter(*, wait=0.0, closed=0.0, taken=0):
    return SimpleNamespace(wait=lambda: wait, closed=lambda: closed, taken=lambda: taken)


def settings(**flags):
    return load_settings("m.csv", flags=flags, environ={"HUSKYVOICE_API_KEY": "sk_1"})


def started(asked, eligible=195, **now):
    return RunStarted(eligible=eligible, rate=asked.rate, limiter=limiter(**now))


def ended(number, name=OutcomeName.CANCELLED, reason=None):
    return RowEnded(appointment_id=f"a{number}", outcome=Outcome(name, reason))


def watch(capsys, *events, seconds, verb=None, columns="100", monkeypatch=None, **flags):
    """What stands on stderr after so many seconds of virtual time."""
    asked = settings(**flags)
    if monkeypatch:
        monkeypatch.setenv("COLUMNS", columns)
    terminal.this_call().logs_json = asked.log_format == "json"

    async def main():
        watching = Watching(asked, verb)
        async with background(watching.tick):
            for event in events:
                watching(event(asked) if callable(event) else event)
            await anyio.sleep(seconds)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return capsys.readouterr().err


def bar(capsys, monkeypatch, *events, seconds=1.1, columns="100", **flags):
    """The bar as it was drawn last."""
    shown = watch(
        capsys, *events, seconds=seconds, columns=columns, monkeypatch=monkeypatch,
        progress="true", **flags,
    )  # fmt: skip
    return shown.rpartition("\x1b[K")[2]


def test_in_an_outage_the_bar_tells_what_failed_what_is_tried_again_and_why(capsys, monkeypatch):
    gave_up = [ended(number, OutcomeName.GAVE_UP, "500") for number in range(14)]
    sent = RequestSent(ask=Ask.CANCEL, appointment_id="a1")
    drawn = bar(capsys, monkeypatch, started, *gave_up, sent, OUTAGE, columns="140")

    for words in ("14/195", "14 failed", "1 in retry", "last: the connection was refused"):
        assert words in drawn


def test_the_error_that_is_told_last_is_that_of_the_row_that_failed(capsys, monkeypatch):
    sent = RequestSent(ask=Ask.CANCEL, appointment_id="a1")
    refused = ended(1, OutcomeName.REFUSED, "SLOT_FULL")
    drawn = bar(capsys, monkeypatch, started, sent, OUTAGE, refused, columns="140")
    assert "1 failed, last: answered SLOT_FULL" in drawn


def test_while_something_is_tried_again_no_pace_is_promised(capsys, monkeypatch):
    sent = RequestSent(ask=Ask.CANCEL, appointment_id="a1")
    drawn = bar(capsys, monkeypatch, started, sent, OUTAGE, columns="140")
    assert "at least 3 min 0 s left" in drawn
    assert "/min" not in drawn


def test_where_nothing_is_to_be_done_there_is_no_bar(capsys, monkeypatch):
    assert "" == bar(capsys, monkeypatch, lambda asked: started(asked, eligible=0))


def test_the_time_left_is_never_less_than_the_rate_allows(capsys, monkeypatch):
    done = [ended(number) for number in range(74)]
    drawn = bar(capsys, monkeypatch, lambda asked: started(asked, wait=3.0), *done, rate="60/6s")
    slow = bar(capsys, monkeypatch, started, *done[:13], seconds=60, rate="60/6s")

    assert ", 15 s left" in drawn
    assert "13 min 5" in slow


def test_the_rate_that_is_shown_is_never_above_the_one_that_is_allowed(capsys, monkeypatch):
    done = [ended(number) for number in range(120)]
    assert "60/min" in bar(capsys, monkeypatch, started, *done, rate="60/60s")


def test_a_limiter_that_cannot_tell_its_wait_stops_nothing(capsys, monkeypatch):
    def all_under_way(asked):
        return started(asked, wait=math.inf)

    assert "0/195" in bar(capsys, monkeypatch, all_under_way)


@pytest.mark.parametrize(("rate", "is_told"), [("60/60s", True), ("600/60s", False)])
def test_a_429_within_the_documented_limit_means_that_another_program_uses_the_key(
    capsys, monkeypatch, rate, is_told
):
    busy = RequestAnswered(ask=Ask.CANCEL, appointment_id="a1", meaning=Meaning.BUSY, code="429")
    drawn = bar(capsys, monkeypatch, started, busy, rate=rate, columns="120")

    assert "1 refused by the rate limit" in drawn
    assert is_told == ("another program uses this key" in drawn)


@pytest.mark.parametrize("columns", ["12", "40", "80"])
def test_however_narrow_the_terminal_the_count_stays_and_the_line_fits(
    capsys, monkeypatch, columns
):
    gave_up = [ended(number, OutcomeName.GAVE_UP, "500") for number in range(78)]
    local = {"base_url": "http://127.0.0.1:4010/v1"}
    for flags in ({}, local):
        drawn = bar(capsys, monkeypatch, started, *gave_up, columns=columns, **flags)
        assert "78/195" in drawn
        assert len(drawn) < int(columns)


def test_a_rehearsal_is_told_in_the_bar(capsys, monkeypatch):
    local = {"base_url": "http://127.0.0.1:4010/v1"}
    assert "Rehearsal, no real appointment is touched" in bar(capsys, monkeypatch, started, **local)


def test_in_trouble_the_ornament_goes_before_the_trouble(capsys, monkeypatch):
    gave_up = [ended(number, OutcomeName.GAVE_UP, "500") for number in range(14)]
    local = {"base_url": "http://127.0.0.1:4010/v1", "columns": "80"}
    drawn = bar(capsys, monkeypatch, started, *gave_up, OUTAGE, **local)

    assert drawn.startswith("Rehearsal")
    assert "14 failed" in drawn


def test_what_is_waited_for_is_told_after_two_seconds_once_for_each_attempt(capsys):
    failed = RequestAnswered(
        ask=Ask.CONFIG, appointment_id=None, meaning=Meaning.UNKNOWN, code="time_out"
    )
    first = watch(capsys, ASKED, seconds=9, base_url="https://h.example/v1")
    second = watch(capsys, ASKED, failed, ASKED, seconds=9, base_url="https://h.example/v1")

    what = "Waiting for https://h.example: GET /appointment-config, attempt"
    assert first == f"{what} 1 of 5\n"
    assert second == f"{what} 2 of 5; the last: no answer in time\n"
    assert watch(capsys, ASKED, seconds=1.5) == ""


def test_a_command_that_looks_for_long_says_how_far_it_is(capsys):
    answered = RequestAnswered(
        ask=Ask.SEARCH, appointment_id=None, meaning=Meaning.PROVED, code="200"
    )
    asked = RequestSent(ask=Ask.SEARCH, appointment_id=None)
    failed = answered._replace(meaning=Meaning.UNKNOWN, code="time_out")
    events = [asked, failed, asked, answered, asked, answered]
    told = watch(capsys, *events, seconds=31)
    assert told == "Asking https://api.huskyvoice.ai: 2 requests answered, 1 failed, 30 s\n"
    assert "2 requests answered" in watch(capsys, *events, seconds=3, progress="true")


def test_what_the_window_holds_still_is_waited_for_before_the_rows_that_are_left(capsys):
    def full(asked):
        return started(asked, eligible=56, wait=0.06, taken=60)

    told = watch(capsys, full, seconds=31, verb="cancel", log_format="json")
    assert 56 == json.loads(told.splitlines()[-1])["seconds_left"]


def test_after_the_last_attempt_no_log_promises_another(capsys):
    sent = RequestSent(ask=Ask.CANCEL, appointment_id="a1")
    tries = [sent, OUTAGE] * 2
    told = watch(capsys, *tries, seconds=1, verb="cancel", log_format="json", max_attempts="2")
    assert ["retry", "no_answer"] == [
        json.loads(line)["event"] for line in told.splitlines() if "connection_refused" in line
    ]


def test_a_log_tells_every_retry_every_closed_gate_and_every_half_minute_how_far_it_is(capsys):
    def closed(asked):
        return started(asked, wait=20.0, closed=20.0)

    told = watch(capsys, closed, ended(1), OUTAGE, seconds=61, verb="cancel", log_format="json")
    events = [json.loads(line) for line in told.splitlines()]

    assert ["started", "settled", "retry", "gate_closed", "progress", "progress"] == [
        one["event"] for one in events
    ]
    last = events[-1]
    assert (1, 195, 1, 0) == tuple(
        last[name] for name in ("done", "eligible", "cancelled", "failed")
    )
    assert last["last_error"] == "connection_refused"


def test_a_log_for_people_has_the_time_the_level_and_what_goes_with_the_event(capsys):
    plan = PlanMade(text="", facts={"rows": 3, "eligible": 2, "settled": 1, "skipped": {}})
    told = watch(capsys, plan, seconds=0.1, verb="cancel")
    assert re.search(r"Z \[info +\] planned +rows=3 eligible=2 settled=1", told)


@pytest.mark.parametrize(
    ("is_closed", "why"),
    [(False, "the rate limit's window is full of earlier requests"),
     (True, "the API asked for patience (Retry-After), here or elsewhere")],
)  # fmt: skip
def test_a_wait_is_told_with_its_reason(capsys, is_closed, why):
    told = watch(capsys, RateWindowFull(seconds=75, is_closed=is_closed), seconds=0.1)
    assert f"Waiting 1 min 15 s: {why}.\n" == told


def test_a_window_that_is_not_shared_is_warned_of_where_a_bar_is_shown_too(capsys, monkeypatch):
    event = WindowNotShared(folder="/var/state", why="Read-only file system")
    told = watch(capsys, event, seconds=0.1, progress="true", monkeypatch=monkeypatch)
    assert "/var/state cannot be used (Read-only file system)" in told
    assert "--state-dir" in told

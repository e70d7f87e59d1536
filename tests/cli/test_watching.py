import io
import json
import logging
import sys

import pytest
import structlog

from batchcancel.cli.watching import ProgressBar, announce, logger
from batchcancel.events import RateWindowFull, WindowNotShared
from batchcancel.settings.load import load_settings

KEY = "sk_live_0123456789"


@pytest.fixture(autouse=True)
def unconfigured():
    """Nobody has configured structlog, before and after."""
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore")}
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def log():
    def log(log_format: str = "json"):
        environ = {"HUSKYVOICE_API_KEY": KEY}
        flags = {"log_format": log_format}
        return logger(load_settings("closure.csv", flags=flags, environ=environ))

    return log


def test_a_json_line_has_the_event_its_level_its_time_and_its_values(log, capsys):
    log().info("settled", appointment_id="a1", outcome="cancelled")

    out, err = capsys.readouterr()
    line = json.loads(err)
    assert out == ""
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "settled", "level": "info", "appointment_id": "a1", "outcome": "cancelled"
    }  # fmt: skip


def test_a_console_line_is_plain_where_nobody_looks(log, capsys):
    log("console").warning("clock_differs", seconds=90.0)

    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "clock_differs" in told
    assert "seconds=90.0" in told


def test_what_is_for_developers_is_not_logged(log, capsys):
    log().debug("noise")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("log_format", ["console", "json"])
@pytest.mark.parametrize(
    "values",
    [{"event": f"sent {KEY}"}, {"event": "x", "header": f"Bearer {KEY}"},
     {"event": "x", "header": {"Authorization": [f"Bearer {KEY}"]}},
     {"event": "x", "raw": f"Bearer {KEY}".encode()}, {"event": "x", "error": ValueError(KEY)}],
    ids=["event", "value", "nested", "bytes", "error"],
)  # fmt: skip
def test_the_key_is_taken_out_wherever_it_is(log, capsys, log_format, values):
    log(log_format).info(**values)

    told = capsys.readouterr().err
    assert told
    assert KEY not in told


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_the_key_is_taken_out_of_tracebacks(log, capsys, log_format):
    log(log_format).error("failed", exc_info=ValueError(f"Illegal header value {KEY}"))

    assert KEY not in capsys.readouterr().err


def test_a_key_with_quotes_is_taken_out_in_the_spelling_of_json_too(capsys):
    environ = {"HUSKYVOICE_API_KEY": 'sk"live\\1'}
    flags = {"log_format": "json"}
    logger(load_settings("closure.csv", flags=flags, environ=environ)).info('sent sk"live\\1')

    assert json.loads(capsys.readouterr().err)["event"] == "sent ***"


def test_values_that_are_no_text_stay_as_they_are(log, capsys):
    log().info("planned", rows=3, limit=None)

    line = json.loads(capsys.readouterr().err)
    assert (line["rows"], line["limit"]) == (3, None)


@pytest.mark.parametrize("error", [BrokenPipeError, ValueError])
def test_a_log_that_nobody_reads_stops_nothing(log, monkeypatch, error):
    class Deaf(io.StringIO):
        def write(self, text: str) -> int:
            raise error

    told = log()
    monkeypatch.setattr(sys, "stderr", Deaf())
    told.info("settled")


def test_who_configured_structlog_before_keeps_it(log):
    lines = structlog.testing.LogCapture()
    structlog.configure(processors=[lines])

    log().info("settled", outcome="cancelled")

    assert lines.entries == [{"event": "settled", "log_level": "info", "outcome": "cancelled"}]


@pytest.mark.parametrize("name", ["httpx", "httpcore"])
def test_libraries_that_log_whole_addresses_are_quiet(log, name):
    log()
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)


@pytest.mark.parametrize(
    ("is_closed", "why"),
    [(False, "the rate limit's window is full of earlier requests"),
     (True, "the API asked for patience (Retry-After), here or elsewhere")],
)  # fmt: skip
def test_a_wait_is_told_with_its_reason(capsys, is_closed, why):
    announce(RateWindowFull(seconds=75, is_closed=is_closed))
    assert f"Waiting 1 min 15 s: {why}.\n" == capsys.readouterr().err


def test_a_window_that_is_not_shared_is_warned_of_where_a_bar_is_shown_too(capsys):
    ProgressBar()(WindowNotShared(folder="/var/state", why="Read-only file system"))
    told = capsys.readouterr().err
    assert "/var/state cannot be used (Read-only file system)" in told
    assert "--state-dir" in told

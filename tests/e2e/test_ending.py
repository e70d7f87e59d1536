"""What the end of a call brings besides its last line."""

import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.stage import LEDGER, RUN


@pytest.fixture
def at_end(stage):
    """Run a batch of two with these words."""

    def at_end(*words, **environ):
        stage.closure(2)
        return stage.here(*RUN, *words, environ=environ)

    return at_end


def numbers(path):
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_the_metrics_have_every_row_once_and_name_no_appointment(stage, at_end):
    at_end("--metrics-file", "m.prom", "--limit", "1")
    path = stage.folder / "m.prom"
    told = numbers(path)

    assert told['batchcancel_rows{batch="closure",state="cancelled"}'] == 1
    assert told['batchcancel_rows{batch="closure",state="waiting"}'] == 1
    assert 2 == sum(rows for name, rows in told.items() if name.startswith("batchcancel_rows"))
    assert told['batchcancel_requests_total{batch="closure"}'] == len(stage.sandbox.history)
    assert told['batchcancel_last_run_exit_code{batch="closure"}'] == 0
    assert "a001" not in path.read_text()
    assert 0o644 == path.stat().st_mode & 0o777


def test_a_failure_keeps_the_time_of_the_last_success(stage, at_end):
    at_end("--metrics-file", "m.prom")
    path = stage.folder / "m.prom"
    success = re.findall("last_success.*", path.read_text())[-1]
    stage.here(*RUN, "--metrics-file", "m.prom", "--max-cancel", "1")

    assert success in path.read_text()
    assert numbers(path)['batchcancel_last_run_exit_code{batch="closure"}'] == 3


@pytest.mark.parametrize("words", [("plan",), ("run", "-n")])
def test_a_plan_is_no_run_and_leaves_the_metrics_of_the_last_one(stage, at_end, words):
    at_end("--metrics-file", "m.prom")
    before = (stage.folder / "m.prom").read_bytes()
    ended = stage.here(*words, "closure.csv", "--metrics-file", "m.prom")
    assert (0, before) == (ended.returncode, (stage.folder / "m.prom").read_bytes())


def test_what_is_called_at_the_end_calls_nothing_itself_and_leaves_the_metrics(stage, at_end):
    (stage.folder / "key").write_text(stage.keys[0])
    again = "echo x >> ended.txt; " + f"{sys.executable} -m batchcancel verify closure.ledger.db"
    environ = {"BATCHCANCEL_ON_END": again, "BATCHCANCEL_METRICS_FILE": "m.prom",
               "BATCHCANCEL_API_KEY_FILE": "key"}  # fmt: skip
    ended = at_end(**environ)
    (stage.folder / "key").unlink()

    assert (0, False) == (ended.returncode, "--on-end" in ended.stderr)
    assert (stage.folder / "ended.txt").read_text() == "x\n"
    assert "cancelled" in (stage.folder / "m.prom").read_text()


@pytest.mark.parametrize("name", ["closure.csv", LEDGER])
def test_metrics_are_written_over_nothing_but_metrics(stage, at_end, name):
    at_end("--limit", "1")
    before = (stage.folder / "closure.csv").read_bytes()
    ended = stage.here(*RUN, "--metrics-file", name)

    assert (0, {"cancelled": 2}) == (ended.returncode, ended.counts)
    assert f"--metrics-file: {name} holds something else, and is left as it is" in ended.stderr
    assert (stage.folder / "closure.csv").read_bytes() == before
    assert 0 == stage.here("status", LEDGER).returncode


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_say(stage, at_end):
    at_end("--metrics-file", "m.prom")
    content = (stage.folder / "m.prom").read_bytes()
    checked = subprocess.run(["promtool", "check", "metrics"], input=content, check=False,
                             capture_output=True)  # fmt: skip
    assert (0, b"", b"") == (checked.returncode, checked.stdout, checked.stderr)


def test_a_place_that_cannot_be_written_changes_no_exit_code(at_end):
    ended = at_end("--metrics-file", "no/such/folder/m.prom")
    assert (0, True) == (ended.returncode, "--metrics-file: " in ended.stderr)


def test_what_cannot_be_done_at_the_end_does_not_change_how_it_ended(at_end, monkeypatch):
    monkeypatch.setattr("tempfile.TemporaryFile", partial(Path("/").joinpath("no/such").open, "wb"))
    long = f"{'m' * 300}.prom"
    ended = at_end("--metrics-file", long, "--on-end", "true", "--max-cancel", "1")

    assert 3 == ended.returncode == json.loads(ended.stdout)["exit_code"]
    assert "--metrics-file: " in ended.stderr
    assert "--on-end: " in ended.stderr


def test_the_command_gets_the_line_and_the_exit_code_and_no_key(stage, at_end):
    command = "cat > told.json; env > environ.txt"
    ended = at_end("--on-end", command, "--max-cancel", "1")
    environ = (stage.folder / "environ.txt").read_text()

    assert 3 == ended.returncode
    assert json.loads(ended.stdout) == json.loads((stage.folder / "told.json").read_text())
    assert "BATCHCANCEL_EXIT_CODE=3\n" in environ
    assert "HUSKYVOICE_API_KEY" not in environ


def test_a_command_that_fails_is_told_and_changes_nothing(at_end):
    ended = at_end("--on-end", "echo first; echo no such host >&2; exit 6")

    assert 0 == ended.returncode
    assert "--on-end: it ended with 6: no such host" in ended.stderr
    assert 1 == len(ended.stdout.splitlines())


@pytest.mark.long
def test_a_command_that_hangs_is_ended(at_end, monkeypatch):
    monkeypatch.setattr("batchcancel.cli.ending.LONGEST_S", 0.2)
    ended = at_end("--on-end", "sleep 60")

    assert (0, True) == (ended.returncode, "it was ended after 0.2 s" in ended.stderr)


def test_a_usage_error_after_the_options_were_read_is_told_too(stage):
    ended = stage.here("run", "none.csv", "--yes", "--on-end", "cat > told.json")

    assert 2 == ended.returncode
    assert "no manifest" in json.loads((stage.folder / "told.json").read_text())["error"]

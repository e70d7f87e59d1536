"""What is printed to be typed next works as it is typed, in a shell that has the key alone."""

import re
import shlex

import pytest

from tests.e2e.stage import FAR

JOB = """
base-url = "{url}"
rate = "none"
state-dir = "state"
ledger = "nightly.ledger.db"
[branches]
City = "b1"
"""


@pytest.fixture(params=["job file", "variables"])
def told(stage, request):
    """What a night's run is told by, and the shell of whoever looks in the morning."""
    urls = ("BATCHCANCEL_BASE_URL", "BATCHCANCEL_RATE")
    bare = dict.fromkeys([*urls, "BATCHCANCEL_STATE_DIR", "BATCHCANCEL_LEDGER"])
    if request.param == "job file":
        (stage.folder / "nightly.toml").write_text(JOB.format(url=stage.url))
        return ["--job-file", "nightly.toml"], bare, bare
    places = {"BATCHCANCEL_STATE_DIR": "state", "BATCHCANCEL_LEDGER": "nightly.ledger.db"}
    return [], places, bare


def commands(shown):
    """Those that ask the API."""
    found = re.findall(r"batchcancel ((?:find|verify|run|export .*--contacts).*)", shown)
    return [shlex.split(one) for one in dict.fromkeys(found)]


def test_every_command_to_type_next_asks_the_same_api_without_variables_and_job_options(
    stage, told
):
    words, night, morning = told
    stage.book("a1", "a2")
    found = stage.here("find", "-o", "day.csv", "--date", f"{FAR}", *words, environ=night)
    [planned] = re.findall("Next:  batchcancel (.*)", found.stdout)
    assert stage.here(*shlex.split(planned), "--ledger", "no.db", environ=morning).returncode == 0

    stopped = stage.here("run", "day.csv", "--yes", "--max-requests", "4", *words, environ=night)
    status = stage.here("status", "nightly.ledger.db", environ=morning)
    for ended in (stopped, status):
        [run] = [one for one in commands(ended.stderr + ended.stdout) if one[0] == "run"]
        assert stage.here(*run, environ=morning).returncode in (0, 5)
    assert stage.here(*run, "--max-requests", "99", environ=morning).returncode == 0

    stage.here("report", "nightly.ledger.db", "-o", "page.html", environ=morning)
    page = re.sub(r"<[^>]*>", "\n", (stage.folder / "page.html").read_text())
    status = stage.here("status", "nightly.ledger.db", environ=morning).stdout
    shown = commands(status + page.replace("&#39;", "'"))
    assert {"find", "export"} == {one[0] for one in shown}
    for one in shown:
        again = stage.here(*one, "--force", environ=morning)
        assert again.returncode == 0, (one, again.stderr)


def test_a_ledger_of_another_address_is_refused_with_that_address(stage):
    stage.closure(1)
    stage.here("run", "closure.csv", "--yes")
    other = {"BATCHCANCEL_BASE_URL": "http://127.0.0.1:9/v1"}
    day = ("find", "-o", "sweep.csv", "--date", f"{FAR}", "--not-in", "closure.ledger.db")

    for words in (day, ("verify", "closure.ledger.db")):
        refused = stage.here(*words, environ=other)
        assert (2, True) == (refused.returncode, f"--base-url {stage.url}" in refused.stderr)


def test_a_restore_that_was_stopped_goes_on_by_what_its_status_says(stage):
    stage.closure(3)
    night = {"BATCHCANCEL_STATUS": "confirmed"}
    stage.here("run", "closure.csv", "--yes", environ=night)
    most = ("--max-requests", "5", "--yes")
    stopped = stage.here("restore", "closure.ledger.db", *most, environ=night)
    status = stage.here("status", "closure.ledger.db", "--batch", "closure.restore").stdout
    [line] = re.findall("To go on: *batchcancel (.*)", status)
    bare = dict.fromkeys(["BATCHCANCEL_BASE_URL", "BATCHCANCEL_RATE"])
    again = stage.here(*shlex.split(line), "--max-requests", "99", environ=bare)

    assert (5, 0) == (stopped.returncode, again.returncode), again.stderr

"""What is printed to be typed next works as it is typed, in a shell that has the key alone."""

import re
import shlex

import pytest

from batchcancel.sandbox import Fault
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


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("plan", "plan"), {}),
        (("plan", "--", "plan"), {"BATCHCANCEL_DRY_RUN": "true"}),
        (("run", "plan", "-qn", "--notes", "plan"), {}),
        (("run", "plan", "-n", "--dry-run"), {}),
        (("run", "plan"), {"BATCHCANCEL_DRY_RUN": "true"}),
    ],
)
def test_what_a_plan_says_to_type_next_is_that_run_whatever_its_words_mean(stage, words, environ):
    stage.book("a1")
    stage.write("plan", ["a1"])
    planned = stage.here(*words, environ=environ)
    lines = re.findall("(?:Next|shows):  batchcancel (.*)", planned.stdout)
    environ = environ | {"BATCHCANCEL_JSON": "true"}
    ended = [stage.here(*shlex.split(one), environ=environ) for one in reversed(lines)]

    cancelled = (0, {"cancelled": 1})
    assert [cancelled, cancelled] == [(one.returncode, one.counts) for one in ended]


def test_what_is_to_be_typed_can_be_typed_in_any_folder(stage):
    """Where a word with a comma stays one too."""
    stage.book("a1")
    stage.table('"Ref, ours"', "a1")
    words = ("--column", '"appointment_id=Ref, ours"', "--state-dir", "state", "--rate", "60/60s")
    stage.sandbox.faults.add(Fault("status", status=503), method="PATCH")
    stage.here("run", "closure.csv", "--yes", "--max-attempts", "1", "--metrics-file", "m", *words)
    here = stage.here("status", "closure.csv").stdout
    (stage.folder / "else").mkdir()
    stage.folder /= "else"
    elsewhere = stage.here("status", "../closure.csv").stdout
    [line] = re.findall("To try again: *batchcancel (.*)", elsewhere)

    assert "--state-dir state --" in here
    ended = stage.here(*shlex.split(line), "--json")
    assert (0, {"cancelled": 1}) == (ended.returncode, ended.counts)
    assert ([], True) == ([*stage.folder.iterdir()], (stage.folder.parent / "m").exists())


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

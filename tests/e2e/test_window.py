"""One key, several programs: one window and one gate, whoever else is running."""

import json
import time

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import RUN

LIMIT, SECONDS = 60, 6


def two_manifests(stage, *, rows):
    ids = stage.closure(2 * rows)
    names = ("morning", "evening")
    for number, name in enumerate(names):
        stage.write(f"{name}.csv", ids[number::2])
    return [("run", f"{name}.csv", "--yes", "--json") for name in names]


@pytest.fixture
def paced(new_stage):
    stage = new_stage(limit=LIMIT, seconds=SECONDS)
    stage.environ["BATCHCANCEL_RATE"] = f"{LIMIT}/{SECONDS}s"
    return stage


@pytest.mark.long
@pytest.mark.promise(7)
def test_two_programs_with_one_key_are_never_refused_and_are_as_quick_as_one(paced):
    commands = two_manifests(paced, rows=90)
    began = time.monotonic()
    ended = [one.end() for one in [paced.start(*words) for words in commands]]
    seconds = time.monotonic() - began

    assert [{"cancelled": 90}] * 2 == [one.counts for one in ended]
    assert 0 == paced.sandbox.history.rate_limited
    assert paced.sandbox.most_arrivals <= LIMIT
    floor = (paced.arrivals - 1) // LIMIT * SECONDS
    print(f"{paced.arrivals} requests, 0 refused, {seconds:.1f} s, floor {floor} s")
    assert seconds < floor + 8  # two interpreters start meanwhile


@pytest.mark.long
@pytest.mark.promise(7)
@pytest.mark.promise(12)
def test_the_slots_of_a_program_that_was_killed_are_not_given_to_the_other(paced):
    one, other = two_manifests(paced, rows=90)
    killed = paced.start(*one, "--timeout", "3")
    ended = paced.start(*other, "--timeout", "3")
    paced.wait_until(lambda: paced.arrivals > 40)
    killed.kill()

    assert {"cancelled": 90} == ended.end().counts
    assert {"cancelled": 90} == paced.run(*one, "--timeout", "3").counts
    assert 0 == paced.sandbox.history.rate_limited
    assert paced.sandbox.most_arrivals <= LIMIT


@pytest.mark.long
@pytest.mark.promise(7)
def test_a_plan_beside_a_run_takes_its_turn_in_the_same_window(new_stage):
    stage = new_stage(limit=20, seconds=2)
    stage.closure(45)
    run = stage.start(*RUN, "--rate", "20/2s")
    stage.wait_until(lambda: len(stage.patched()) > 10)
    planned = stage.here("plan", "closure.csv", "--json", "--rate", "20/2s")

    assert 0 == planned.returncode
    assert {"cancelled": 45} == run.end().counts
    assert 0 == stage.sandbox.history.rate_limited
    assert stage.sandbox.most_arrivals <= 20


@pytest.mark.long
@pytest.mark.promise(8)
@pytest.mark.parametrize("rate", ["60/6s", "none"])
def test_a_gate_that_one_program_closes_is_closed_to_every_other(stage, rate):
    one, other = two_manifests(stage, rows=5)
    stage.sandbox.faults.add(Fault("status", status=429, retry_after=600), method="PATCH")
    first = stage.run(*one, "--rate", rate, "--concurrency", "1")
    arrived = stage.arrivals
    later = [stage.here(*words, "--rate", rate) for words in (one, other)]

    assert [5, 5, 5] == [one.returncode for one in (first, *later)]
    assert arrived == stage.arrivals
    assert all("Run the same command again after" in one.stderr for one in later)
    assert all("window-" in one.stderr for one in later)


@pytest.mark.parametrize("words", [RUN, ("plan", "closure.csv")], ids=["run", "plan"])
def test_where_no_window_can_be_kept_a_warning_says_so_once_and_the_work_goes_on(stage, words):
    stage.closure(3)
    ended = stage.here(*words, "--state-dir", "closure.csv/state")

    assert 0 == ended.returncode
    assert 1 == ended.stderr.count("rate_limit_not_shared") + ended.stderr.count("cannot be used")
    assert "Not a directory" in ended.stderr


@pytest.mark.parametrize(
    "environ",
    [{"XDG_STATE_HOME": "/dev/null/state"}, {"XDG_STATE_HOME": None, "HOME": "/dev/null"}],
)
def test_without_a_home_the_work_goes_on_with_a_warning(stage, environ):
    stage.closure(3)
    ended = stage.here(*RUN, environ=environ)

    assert {"cancelled": 3} == ended.counts
    assert "rate_limit_not_shared" in ended.stderr


@pytest.mark.long
def test_the_folder_can_be_named_in_a_variable_and_a_job_file(stage):
    stage.closure(3)
    (stage.folder / "job.toml").write_text('state-dir = "of-the-job"\n')
    stage.here("plan", "closure.csv", "--job-file", "job.toml")
    stage.here(*RUN, environ={"BATCHCANCEL_STATE_DIR": "of-the-variable"})

    for name in ("of-the-job", "of-the-variable"):
        [path] = (stage.folder / name).glob("*.json")
        assert "slots" in json.loads(path.read_text())

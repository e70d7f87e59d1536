import signal
import time
from collections import Counter

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import LEDGER, RUN
from tests.sample import sampled


@pytest.mark.parametrize(
    ("signum", "code"),
    sampled([(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], every=3),
)
def test_a_signal_stops_the_run_and_the_same_command_goes_on(stage, signum, code):
    ids = stage.closure(12)
    run = stage.start(*RUN, "--rate", "6/60s")
    stage.wait_until(lambda: len(stage.patched()) == 3)  # rules, windows and a page came first
    run.send_signal(signum)
    stopped = run.end()
    resumed = stage.here(*RUN)

    assert (code, {"cancelled": 3, "waiting": 9}) == (stopped.returncode, stopped.counts)
    assert "batchcancel run closure.csv --yes --json --rate 6/60s" in stopped.stderr
    assert (0, {"cancelled": 12}) == (resumed.returncode, resumed.counts)
    assert ids == sorted(stage.patched())


@pytest.mark.promise(12)
def test_after_kill_9_only_the_open_rows_are_read_back_and_nothing_is_cancelled_twice(stage):
    ids = stage.closure(20)
    stage.sandbox.faults.add(Fault("hang", when="after"), appointment_id=ids[5])
    stage.sandbox.faults.add(Fault("hang", when="before"), appointment_id=ids[8])
    run = stage.start(*RUN, "--concurrency", "2")
    stage.wait_until(lambda: stage.struck("hang") == 2)
    run.kill()
    resumed = stage.here(*RUN)

    assert (0, {"cancelled": 20}) == (resumed.returncode, resumed.counts)
    assert {ids[5], ids[8]} == stage.read_back()
    assert Counter(ids) == stage.cancellations()
    assert 1 == stage.patched().count(ids[5])


@pytest.mark.long
def test_the_drain_ends_although_the_server_hangs_and_signals_keep_coming(stage):
    ids = stage.closure(4)
    stage.sandbox.faults.add(Fault("hang"), method="PATCH", times=None)
    run = stage.start(*RUN, "--timeout", "60", "--concurrency", "2")
    stage.wait_until(lambda: stage.struck("hang") == 2)
    began = time.monotonic()
    for signum in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        run.send_signal(signum)
        time.sleep(0.2)
    stopped = run.end()
    took = time.monotonic() - began
    stage.sandbox.faults.clear()
    resumed = stage.here(*RUN)

    assert took < 30  # and not the 60 that the request may take
    assert (143, {"open": 2, "waiting": 2}) == (stopped.returncode, stopped.counts)
    assert (0, {"cancelled": 4}) == (resumed.returncode, resumed.counts)
    assert Counter(ids) == stage.cancellations()


def test_a_signal_while_planning_does_not_wait_for_a_server_that_hangs(stage):
    stage.closure(2)
    stage.sandbox.faults.add(Fault("hang"), method="GET", times=None)
    run = stage.start(*RUN, "--timeout", "60")
    stage.wait_until(lambda: stage.struck("hang") == 1)
    run.send_signal(signal.SIGTERM)
    stopped = run.end(within=30)

    assert 143 == stopped.returncode
    assert "batchcancel run closure.csv --yes --json --timeout 60" in stopped.stderr
    assert [] == stage.patched()


@pytest.mark.long
def test_while_a_run_holds_the_batch_another_sends_nothing_and_status_works(stage):
    stage.closure(4)
    stage.sandbox.faults.add(Fault("hang"), method="PATCH", times=None)
    stage.start(*RUN, "--concurrency", "2")
    stage.wait_until(lambda: stage.struck("hang") == 2)
    arrivals = stage.arrivals
    second = stage.here(*RUN)
    status = stage.here("status", LEDGER)

    assert 6 == second.returncode
    assert "another run" in second.stderr
    assert arrivals == stage.arrivals
    assert (0, True) == (status.returncode, "Running: run 1" in status.stdout)


@pytest.mark.long
def test_max_requests_counts_the_plan_stops_a_run_and_the_same_command_goes_on(stage):
    stage.closure(5)
    first = stage.here("plan", "closure.csv", "--max-requests", "3")
    stopped = stage.here(*RUN, "--max-requests", "5", "--concurrency", "4")
    after = stage.arrivals
    resumed = [stage.here(*RUN, "--max-requests", "5") for _ in range(2)]

    assert 0 == first.returncode
    assert (5, {"cancelled": 2, "waiting": 3}) == (stopped.returncode, stopped.counts)
    assert "--max-requests of 5 were sent" in stopped.stderr
    assert 3 + 5 == after
    assert [5, 0] == [one.returncode for one in resumed]
    assert 5 == len(stage.patched()) == resumed[-1].counts["cancelled"]

import re
from collections import Counter
from pathlib import Path

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import FAR, RUN


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("status", status=302, location="http://elsewhere.test/"), "the API redirects"),
        (Fault("wrong_record"), "the record of another appointment"),
    ],
)
def test_an_answer_that_makes_every_request_wrong_stops_the_run(stage, fault, sentence):
    stage.closure(4)
    stage.sandbox.faults.add(fault, method="PATCH")
    ended = stage.here(*RUN, "--concurrency", "1")

    assert (7, {"open": 1, "waiting": 3}) == (ended.returncode, ended.counts)
    assert sentence in ended.stderr


@pytest.mark.long
def test_unknown_and_refused_rows_are_told_with_their_codes_and_what_to_do(stage):
    ids = stage.closure(3)
    stage.write("closure.csv", [*ids, "unknown"])
    stage.sandbox.faults.add(Fault("status", status=409), appointment_id=ids[1])
    ended = stage.run(*RUN)
    again = stage.here(*RUN)
    retried = stage.here(*RUN, "--retry-refused")

    assert (4, {"cancelled": 2, "refused": 1, "not_found": 1}) == (ended.returncode, ended.counts)
    assert "CONFLICT" in ended.stderr
    assert "--outcome not_found --outcome refused" in ended.stderr
    assert (4, ended.counts) == (again.returncode, again.counts)
    assert (4, {"cancelled": 3, "not_found": 1}) == (retried.returncode, retried.counts)
    assert Counter([*ids, ids[1], "unknown", "unknown"]) == Counter(stage.patched())


@pytest.mark.long
def test_rows_given_up_on_are_read_back_by_the_next_run(stage):
    ids = stage.closure(3)
    fault = Fault("status", status=503, when="after", retry_after=0)
    stage.sandbox.faults.add(fault, appointment_id=ids[1])
    gave_up = stage.here(*RUN, "--max-attempts", "1")
    resumed = stage.here(*RUN)

    assert (4, {"cancelled": 2, "gave_up": 1}) == (gave_up.returncode, gave_up.counts)
    assert (0, {"cancelled": 3}) == (resumed.returncode, resumed.counts)
    assert {ids[1]} == stage.read_back()
    assert Counter(ids) == stage.cancellations()


def test_an_api_that_answers_now_and_then_is_told_apart_from_a_wrong_address(stage):
    stage.closure(2)
    outage = Fault("status", status=503, retry_after=0)
    stage.sandbox.faults.add(outage, method="GET", times=None, skip=1)
    ended = stage.here("find", "-o", "x.csv", "--date", f"{FAR}", "--max-attempts", "2")

    assert 5 == ended.returncode
    assert "It answers now and then: 2 of 3 requests failed." in ended.stderr
    assert "--max-attempts 4" in ended.stderr
    assert "--base-url" not in ended.stderr


def test_where_nobody_can_be_asked_the_api_is_not_asked_either(stage):
    stage.closure(2)
    refused = stage.here("run", "closure.csv")
    assert (3, 0) == (refused.returncode, stage.arrivals)
    assert "nobody can be asked" in refused.stderr
    stage.here(*RUN)
    assert 0 == stage.here("run", "closure.csv").returncode


@pytest.mark.long
def test_an_outage_halts_the_run_and_the_same_command_finishes_afterwards(stage):
    ids = stage.closure(6)
    outage = Fault("status", status=503, retry_after=0)
    stage.sandbox.faults.add(outage, method="PATCH", times=None)
    words = ("--halt-after", "3", "--max-attempts", "2", "--concurrency", "1")
    halted = stage.run(*RUN, *words)
    stage.sandbox.faults.clear()
    resumed = stage.here(*RUN, *words)

    assert (5, {"gave_up": 3, "waiting": 3}) == (halted.returncode, halted.counts)
    assert "3 appointments in a row failed" in halted.stderr
    assert (0, {"cancelled": 6}) == (resumed.returncode, resumed.counts)
    assert Counter(ids) == stage.cancellations()


def test_an_api_that_is_not_there_stops_the_run_before_any_write(stage):
    stage.closure(1)
    ended = stage.here(*RUN, "--base-url", "http://127.0.0.1:9/v1", "--max-attempts", "1")

    assert 5 == ended.returncode
    assert "the API does not answer" in ended.stderr
    assert "/v1" in ended.stderr


@pytest.mark.long
def test_more_patience_than_allowed_stops_the_run_resumably(stage):
    stage.closure(2)
    stage.sandbox.faults.add(Fault("status", status=429, retry_after=9000), method="PATCH")
    stopped = stage.here(*RUN, "--concurrency", "1")
    [gate] = re.findall(r"this key: (\S+\.json) says so", stopped.stderr)
    too_early = stage.here(*RUN)
    Path(gate).unlink()  # as somebody may who knows better than the API
    resumed = stage.here(*RUN)

    assert (5, {"waiting": 2}) == (stopped.returncode, stopped.counts)
    assert "9000 s of patience (Retry-After)" in stopped.stderr
    assert (5, 3) == (too_early.returncode, len(stage.sandbox.history.patches()))
    assert (0, {"cancelled": 2}) == (resumed.returncode, resumed.counts)

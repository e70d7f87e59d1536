import json
import resource
from collections import Counter

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import LEDGER, RUN


@pytest.mark.long
def test_a_disk_that_fills_up_in_the_middle_ends_the_sending(stage):
    ids = stage.closure(40)
    stage.sandbox.faults.add(Fault("slow", seconds=0.05), method="PATCH", times=None)
    run = stage.start(*RUN, "--concurrency", "2")
    stage.wait_until(lambda: len(stage.patched()) >= 10)
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (0, 0))
    stopped = run.end()
    written = stage.here("export", LEDGER, "-o", "rows.json")
    patched = stage.patched()
    stage.sandbox.faults.clear()
    resumed = stage.here(*RUN)

    rows = json.loads((stage.folder / "rows.json").read_text())
    assert (5, 0) == (stopped.returncode, written.returncode)
    assert "the ledger could not be written" in stopped.stderr
    assert len(patched) < len(ids)
    assert set(patched) <= {row["appointment_id"] for row in rows if row["attempts"]}
    assert (0, {"cancelled": 40}) == (resumed.returncode, resumed.counts)
    assert Counter(ids) == stage.cancellations()


def test_a_ledger_that_anybody_may_write_is_refused_until_nobody_else_may(stage):
    stage.closure(2)
    stage.here(*RUN, "--limit", "1")
    (stage.folder / LEDGER).chmod(0o666)
    before = stage.arrivals
    refused = [stage.here(*words) for words in (RUN, ("plan", "closure.csv"))]

    assert [2, 2] == [one.returncode for one in refused]
    assert all("may be written by others" in one.stderr for one in refused)
    assert before == stage.arrivals
    (stage.folder / LEDGER).chmod(0o644)
    assert (0, {"cancelled": 2}) == ((again := stage.here(*RUN)).returncode, again.counts)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda _content: b"Dear diary, " * 1000, "not a SQLite database"),
        (lambda content: content[:4096] + b"\xff" * 4096 + content[8192:], "is damaged"),
    ],
)
def test_a_ledger_that_cannot_be_trusted_is_left_as_it_is_and_nothing_is_sent(
    stage, spoil, sentence
):
    stage.closure(3)
    stage.here(*RUN)
    arrivals = stage.arrivals
    ledger = stage.folder / LEDGER
    spoilt = spoil(ledger.read_bytes())
    ledger.write_bytes(spoilt)
    ended = stage.here(*RUN)

    assert 2 == ended.returncode
    assert sentence in ended.stderr
    assert spoilt == ledger.read_bytes()
    assert arrivals == stage.arrivals


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (RUN, "/proc/self/x.ledger.db"),
        (RUN, "missing/x.ledger.db"),
        (("plan", "closure.csv"), "missing/x.ledger.db"),
    ],
)
def test_a_place_that_cannot_hold_a_ledger_is_refused_before_anything_is_sent(stage, words, place):
    stage.closure(1)
    ended = stage.here(*words, "--ledger", place)

    assert 2 == ended.returncode
    assert "--ledger" in ended.stderr or "Create it first" in ended.stderr
    assert 0 == stage.arrivals

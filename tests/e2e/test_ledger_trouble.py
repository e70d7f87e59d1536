import json
import os
import resource
from collections import Counter

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import LEDGER, RUN


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


def test_a_ledger_in_a_folder_that_is_not_there_is_told_before_anything_is_asked(stage):
    stage.closure(1)
    words = ("closure.csv", "--ledger", "nowhere/closure.db")
    ended = [stage.here(command, *words) for command in ("plan", "run")]

    assert [2, 2] == [one.returncode for one in ended]
    assert all("there is no folder" in one.stderr for one in ended)
    assert 0 == stage.arrivals


def test_a_lock_that_leads_to_another_file_is_refused_and_that_file_stays(stage):
    stage.closure(1)
    letter = stage.folder / "letter.txt"
    letter.write_text("Dear Mrs Rao")
    os.link(letter, stage.folder / f"{LEDGER}-lock")
    refused = stage.here(*RUN)

    assert (2, 0) == (refused.returncode, stage.arrivals)
    assert "hard link" in refused.stderr
    assert "Dear Mrs Rao" == letter.read_text()


SLOW_DISK = """
import time
from batchcancel.ledger.sqlite import ledger as sqlite

record = sqlite.record

def slow(*words):
    record(*words)
    time.sleep(0.02)

sqlite.record = slow
"""


def test_a_slow_disk_makes_a_run_slow_and_nothing_else(stage):
    stage.closure(5)
    ended = stage.run(*RUN, environ=stage.tampered(SLOW_DISK))

    assert (0, {"cancelled": 5}) == (ended.returncode, ended.counts)


def _nothing_of_ours(_content):
    return b"Dear diary, " * 1000


def _torn(content):
    return content[:4096] + b"\xff" * 4096 + content[8192:]


@pytest.mark.parametrize(
    ("spoil", "sentence"), [(_nothing_of_ours, "not a SQLite database"), (_torn, "is damaged")]
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
    ended = stage.run(*RUN)

    assert 2 == ended.returncode
    assert sentence in ended.stderr
    assert spoilt == ledger.read_bytes()
    assert arrivals == stage.arrivals


@pytest.mark.parametrize("place", ["/proc/self/x.ledger.db", "missing/x.ledger.db"])
def test_a_place_that_cannot_hold_a_ledger_is_refused_before_anything_is_sent(stage, place):
    stage.closure(1)
    ended = stage.run(*RUN, "--ledger", place)

    assert 2 == ended.returncode
    assert "--ledger" in ended.stderr or "Create it first" in ended.stderr
    assert 0 == stage.arrivals


def test_a_ledger_belongs_to_one_origin(stage):
    stage.closure(2)
    stage.here(*RUN)
    arrivals = stage.arrivals
    elsewhere = stage.url.replace("127.0.0.1", "localhost")
    ended = stage.run(*RUN, "--batch", "other", "--base-url", elsewhere)

    assert 2 == ended.returncode
    assert "http://127.0.0.1" in ended.stderr
    assert arrivals == stage.arrivals


def test_asking_for_a_ledger_that_is_not_there_makes_none(stage):
    status, export = stage.run("status", LEDGER), stage.run("export", LEDGER, "-o", "x.csv")

    assert [2, 2] == [status.returncode, export.returncode]
    assert [] == list(stage.folder.iterdir())

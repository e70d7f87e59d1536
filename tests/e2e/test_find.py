"""From a day to a manifest and back, as it is typed."""

import json
import re
import shlex
import stat

import pytest

from tests.e2e.stage import FAR, LEDGER

DAY = ("--date", FAR.isoformat())


def told(ended):
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.long
def test_a_day_becomes_a_manifest_that_a_run_takes(stage):
    stage.book("a1", "a2")
    stage.book("a3", session="Evening")
    found = stage.run("find", "-o", "closure.csv", *DAY)

    assert (0, "") == (found.returncode, found.stderr)
    assert "3 appointments found. The search was complete: every answer was whole." in found.stdout
    assert f"{FAR}  1  Evening  branch" in found.stdout
    assert "batchcancel plan closure.csv" in found.stdout
    path = stage.folder / "closure.csv"
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    header, *rows = path.read_text().splitlines()
    assert header.endswith("batch,status,updated_at,selection")
    assert [row.split(",")[0] for row in rows] == ["a1", "a2", "a3"]
    assert not [line for line in rows if "Fictitious" in line or "+91" in line]

    before = stage.arrivals
    ran = stage.here("run", "closure.csv", "--yes", "--json")
    assert (0, 3) == (ran.returncode, told(ran)["cancelled"])
    assert stage.arrivals - before <= 3 + 4

    again = stage.here("find", "-o", "sweep.csv", *DAY, "--not-in", "closure.ledger.db")
    assert again.returncode == 0
    assert f"\n{FAR} is empty: nothing is booked that is not cancelled. The 3 " in again.stdout


@pytest.mark.promise(21)
def test_a_whole_closure_leaves_nobody_and_each_step_says_what_to_type_next(stage):
    """Find, plan, run while three are booked in freed places, sweep, run again, look again."""
    ids = [f"a{number:03}" for number in range(60)]
    stage.book(*ids)
    stage.sandbox.shuffle(1)
    spent = {}

    def typed(line):
        before, name = stage.arrivals, line.split()[0]
        ended = stage.here(*shlex.split(line))
        spent.setdefault(name, []).append(stage.arrivals - before)
        return ended

    def next_of(ended, word=""):
        shown = (ended.stdout + ended.stderr).splitlines()
        told = [line for line in shown if "batchcancel " in line and line.startswith(word)]
        return told[-1].partition("batchcancel ")[2]

    closure = " ".join(("find -o closure.csv", *DAY))
    planned = typed(next_of(typed(closure)))
    assert "!! 1 window is still open, " in planned.stdout
    stage.sandbox.meanwhile.on_cancelling(ids[10:31:10], lambda: stage.sandbox.staff.book(FAR))
    ran = typed(f"{next_of(planned)} --yes")
    assert 0 == ran.returncode
    booked = sorted(one.appointment_id for one in stage.sandbox.records(status="confirmed"))
    assert 3 == len(booked)

    swept = typed(next_of(ran, "Booked since:"))
    assert 4 == swept.returncode
    rows = (stage.folder / "sweep.csv").read_text().splitlines()[1:]
    assert booked == [row.split(",")[0] for row in rows]
    again = typed(f"{next_of(swept)} --yes")
    assert (0, []) == (again.returncode, stage.sandbox.records(status="confirmed"))
    assert "find -o sweep-2.csv" in next_of(again, "Booked since:")
    assert f"{FAR} is empty: " in typed(next_of(again, "Booked since:")).stdout
    typed("verify closure.ledger.db --batch closure")
    assert {"find": [3, 3, 3], "plan": [3], "run": [63, 6], "verify": [1]} == spent


def test_a_finished_batch_has_nothing_left_but_the_sweep(stage):
    stage.book("a1", "a2")
    stage.here("find", "-o", "closure.csv", *DAY)
    first = stage.here("plan", "closure.csv")
    assert "not used" not in first.stdout
    assert "without a question, exactly what this plan shows:" in first.stdout
    stage.here("run", "closure.csv", "--yes")
    again = stage.here("plan", "closure.csv")
    assert again.stdout.splitlines()[-2] == (
        "Nothing is left to send. What became of it: batchcancel status closure.ledger.db"
    )
    sweep = f"find -o sweep.csv {shlex.join(DAY)} --not-in {LEDGER} "
    assert f" {sweep}" in again.stdout.splitlines()[-1]
    assert not re.search("^  (time|daily quota) ", again.stdout, re.MULTILINE)
    log = stage.here("run", "closure.csv", "--yes", "--log-format", "json").stderr
    assert '"columns"' not in log


def test_every_end_tells_a_machine(stage):
    stage.book("a1", "a2")
    found = stage.here("find", "-o", "closure.csv", *DAY, "--session", "evening", "--json")

    assert (0, 0, "whole_answers", True, None, {"session": 2}) == (
        found.returncode, *(told(found)[one] for one in ("found", "how", "complete", "manifest")),
        told(found)["left_out"],
    )  # fmt: skip
    assert not (stage.folder / "closure.csv").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("-o", "there.csv", *DAY), "there.csv exists"),
        (("-o", "a.txt", *DAY), "end with one of .csv, .parquet."),
        (("-o", "a.json", *DAY), "end with one of .csv, .parquet."),
        (("-o", "a.csv"), "Missing option '--date'"),
        (("-o", "a.csv", "--date", "soon"), "'soon' is no day; write it like 2026-06-15"),
        (("-o", "a.csv", *DAY, "--to", "2020-01-01"), "--to is the same day or a later one"),
        (("-o", "a.csv", *DAY, "--to", "9999-01-01"), "at most 366"),
        (("-o", "a.csv", *DAY, "--branch", ""), "--branch is given, and empty"),
        (("-o", "a.csv", *DAY, "--session", "Morning", "--session", " "), "--session is given"),
        (("-o", "a.csv", *DAY, "--not-in", ""), "--not-in is given, and empty"),
        (("-o", "a.csv", *DAY, "--not-in", "none.ledger.db"), "none.ledger.db"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_asked(stage, words, why):
    (stage.folder / "there.csv").write_text("mine")
    ended = stage.here("find", *words)

    assert (2, 0, "mine") == (
        ended.returncode, stage.arrivals, (stage.folder / "there.csv").read_text()
    )  # fmt: skip
    assert why in ended.stderr
    assert not (stage.folder / "none.ledger.db").exists()

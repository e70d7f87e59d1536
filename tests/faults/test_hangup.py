"""What a process is told while it runs, beyond the two signals that ask it to stop."""

import signal
import sys
from collections import Counter

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import RUN

_RESET = """
import os, signal, sys
import pytest
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""
AS_IN_A_TERMINAL = (sys.executable, "-c", _RESET)
"""Whoever started the tests may have them ignore SIGHUP, and a child would too."""


@pytest.mark.long
def test_a_terminal_that_is_closed_ends_the_run_and_the_same_command_goes_on(stage):
    ids = stage.closure(6)
    stage.sandbox.faults.add(Fault("hang", when="after"), appointment_id=ids[3])
    run = stage.start(*RUN, "--concurrency", "1", before=AS_IN_A_TERMINAL)
    stage.wait_until(lambda: stage.struck("hang") == 1)
    run.send_signal(signal.SIGHUP)
    ended = run.end()
    resumed = stage.here(*RUN)

    assert 129 == ended.returncode  # drained, as after SIGTERM
    assert (0, {"cancelled": 6}) == (resumed.returncode, resumed.counts)
    assert {ids[3]} == stage.read_back()
    assert Counter(ids) == stage.cancellations()


@pytest.mark.long
def test_a_terminal_that_is_closed_at_the_very_end_changes_neither_line_nor_code(stage):
    stage.closure(2)
    on_end = ("--on-end", "touch began; kill -HUP $PPID; sleep 30")
    ended = stage.start(*RUN, *on_end, before=AS_IN_A_TERMINAL).end()

    assert (0, {"cancelled": 2}) == (ended.returncode, ended.counts)
    assert "--on-end: it was interrupted" in ended.stderr
    assert (stage.folder / "began").exists()


@pytest.mark.parametrize("signum", ["SIGTERM", "SIGHUP"])
def test_a_signal_after_the_last_line_does_not_change_the_exit_code(stage, signum):
    late = f"import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.{signum})"
    told = stage.start("--version", environ=stage.tampered(late), before=AS_IN_A_TERMINAL).end()

    assert 0 == told.returncode
    assert "batchcancel, version" in told.stdout


@pytest.mark.long
def test_a_run_that_was_stopped_and_continued_finishes_as_if_nothing_had_happened(stage):
    ids = stage.closure(6)
    stage.sandbox.faults.add(Fault("slow", seconds=0.05), method="PATCH", times=None)
    run = stage.start(*RUN, "--concurrency", "1")
    stage.wait_until(lambda: len(stage.patched()) == 3)
    run.send_signal(signal.SIGSTOP)
    run.send_signal(signal.SIGCONT)
    ended = run.end()

    assert (0, {"cancelled": 6}) == (ended.returncode, ended.counts)
    assert Counter(ids) == Counter(stage.patched())

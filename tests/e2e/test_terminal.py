import re
import signal

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.terminal import terminal
from tests.sample import sampled

QUESTION = "Type the number of appointments to cancel (3)"


@pytest.mark.parametrize(("typed", "code", "sent"), sampled([("3", 0, 3), ("4", 3, 0)], every=2))
def test_only_the_right_number_confirms(stage, typed, code, sent):
    stage.closure(3)
    with terminal(stage, "run", "closure.csv") as person:
        person.until(QUESTION)
        assert [] == stage.patched()
        person.type(typed)
        assert code == person.end()

    assert "Plan for batch closure" in person.shown
    assert sent == len(stage.patched())


def test_a_person_who_only_looks_is_shown_the_plan_once(stage):
    stage.closure(3)
    with terminal(stage, "plan", "closure.csv") as person:
        assert 0 == person.end()

    assert 1 == person.shown.count("Plan for batch closure")


def test_ctrl_c_at_the_question_leaves_and_sends_nothing(stage):
    stage.closure(3)
    with terminal(stage, "run", "closure.csv") as person:
        person.until(QUESTION)
        person.send_signal(signal.SIGINT)
        assert 130 == person.end()

    assert [] == stage.patched()


def test_a_person_sees_a_progress_bar_with_its_counts(stage):
    stage.closure(6)
    stage.sandbox.faults.add(Fault("slow", seconds=0.3), method="PATCH", times=None)
    with terminal(stage, "run", "closure.csv", "--yes", "--concurrency", "2") as person:
        assert 0 == person.end()

    assert "\x1b[" in person.shown
    counts = re.findall(r"Rehearsal.*?(\d)/6", person.shown)
    assert ("0", "6") == (counts[0], counts[-1])
    assert len(set(counts)) > 2


@pytest.mark.long
def test_no_progress_means_a_log_instead(stage):
    stage.closure(2)
    with terminal(stage, "run", "closure.csv", "--yes", "--no-progress") as person:
        assert 0 == person.end()

    assert "Cancelling" not in person.shown
    assert person.shown.count("settled") >= 2

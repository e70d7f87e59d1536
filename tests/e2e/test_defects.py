"""A defect of the program itself: how it ends, and that it gives nothing away."""

import pytest

from tests.e2e.stage import RUN
from tests.sample import sampled

SABOTAGE = """
import os
import {module}

def broken(*values, **named):
    raise RuntimeError("the key is " + os.environ["HUSKYVOICE_API_KEY"])

{module}.{name} = broken
"""


@pytest.fixture
def sabotage(stage):
    """Break a function of the program, and run it; the error's text holds the key."""

    def sabotage(module, name):
        stage.closure(3)
        return stage.run(*RUN, environ=stage.tampered(SABOTAGE.format(module=module, name=name)))

    return sabotage


@pytest.mark.parametrize(
    ("module", "name"),
    sampled(
        [("batchcancel.cli.sending", "send"), ("batchcancel.commands.plan", "batch_of")],
        every=2,
    ),
)
def test_a_defect_ends_with_1_and_shows_its_place_and_not_its_text(sabotage, module, name):
    ended = sabotage(module, name)

    assert 1 == ended.returncode
    assert "unexpected RuntimeError" in ended.stderr
    assert "sitecustomize.py:6 broken" in ended.stderr
    assert "the key is" not in ended.stderr


@pytest.mark.long
def test_after_a_defect_in_the_middle_the_same_command_resumes(stage, sabotage):
    broken = sabotage("batchcancel.pool.cancel", "outcome_of_cancel")
    resumed = stage.here(*RUN)

    assert (1, 3) == (broken.returncode, sum(broken.counts.values()))
    assert 1 <= broken.counts["open"]  # the others may not have had their turn
    assert "the same command resumes" in broken.stderr
    assert (0, {"cancelled": 3}) == (resumed.returncode, resumed.counts)

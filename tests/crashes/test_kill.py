"""Killed anywhere, then started again, a run ends as if it had never been killed."""

from collections import Counter
from contextlib import closing

import pytest

from batchcancel.ledger.open import read_ledger
from tests.command import command
from tests.crashes.boundaries import BOUNDARIES, LASTING
from tests.crashes.scene import ALONE, END, PLAIN, end_with, run_until
from tests.e2e.stage import LEDGER
from tests.sample import sampled


def left(stage):
    """Ids that must not be sent again, and those in doubt, by the ledger of a killed run."""
    if not (stage.folder / LEDGER).exists():
        return set(), set()
    with closing(read_ledger(str(stage.folder / LEDGER))) as ledger:
        in_doubt = {one.appointment_id for one in ledger.open_rows("closure")}
        return set(ledger.settled_ids("closure")), in_doubt


@pytest.mark.long
def test_an_undisturbed_run_passes_every_boundary_of_the_table_and_no_other(scene):
    ended, passed = run_until(scene, 0)

    times = Counter(name for when in ("before", "after") for name in both(when))
    found = Counter(passed)
    assert times <= found
    # What is written together on a quick machine may be two commits where a look comes between.
    assert {*(found - times)} <= {"before commit", "after commit"}
    assert (4, END) == (ended.returncode, ended.counts)
    assert {PLAIN: 1} == scene.cancellations()


def both(when):
    return [f"{when} {name}" for name, times in LASTING.items() for _ in range(times)]


@pytest.mark.promise(2)
@pytest.mark.promise(12)
@pytest.mark.parametrize("boundary", sampled(range(1, BOUNDARIES + 1), every=16))
def test_a_run_killed_at_any_boundary_ends_like_one_that_was_not_when_started_again(
    scene, boundary
):
    killed, passed = run_until(scene, boundary)
    (done, in_doubt), sent = left(scene), len(scene.patched())
    resumed = command(*ALONE, folder=scene.folder, environ=scene.environ)

    assert (-9, boundary) == (killed.returncode, len(passed))
    assert (4, end_with(in_doubt)) == (resumed.returncode, resumed.counts)
    assert {PLAIN: 1} == scene.cancellations()
    assert done.isdisjoint(scene.patched()[sent:])
    assert ["closure.csv", LEDGER] == sorted(path.name for path in scene.folder.iterdir())

"""Killed anywhere, then started again, a run ends as if it had never been killed."""

from collections import Counter
from contextlib import closing

import pytest

from batchcancel.opening import read_ledger
from tests.command import command
from tests.crashes.boundaries import BOUNDARIES, LASTING
from tests.crashes.scene import ALONE, END, PLAIN, run_until
from tests.e2e.stage import LEDGER
from tests.sample import sampled


def settled(stage):
    """Ids that must not be sent again, as the ledger of a run that was killed tells them."""
    if not (stage.folder / LEDGER).exists():
        return set()
    with closing(read_ledger(str(stage.folder / LEDGER))) as ledger:
        return set(ledger.settled_ids("closure"))


def test_an_undisturbed_run_passes_every_boundary_of_the_table_and_no_other(scene):
    ended, passed = run_until(scene, 0)

    times = Counter(name for when in ("before", "after") for name in both(when))
    assert times == Counter(passed)
    assert (4, END) == (ended.returncode, ended.counts)
    assert {PLAIN: 1} == scene.cancellations()


def both(when):
    return [f"{when} {name}" for name, times in LASTING.items() for _ in range(times)]


@pytest.mark.promise(2)
@pytest.mark.promise(12)
@pytest.mark.parametrize("boundary", sampled(range(1, BOUNDARIES + 1), every=5))
def test_a_run_killed_at_any_boundary_ends_like_one_that_was_not_when_started_again(
    scene, boundary
):
    killed, passed = run_until(scene, boundary)
    done, sent = settled(scene), len(scene.patched())
    resumed = command(*ALONE, folder=scene.folder, environ=scene.environ)

    assert (-9, boundary) == (killed.returncode, len(passed))
    assert (4, END) == (resumed.returncode, resumed.counts)
    assert {PLAIN: 1} == scene.cancellations()
    assert done.isdisjoint(scene.patched()[sent:])
    assert ["closure.csv", LEDGER] == sorted(path.name for path in scene.folder.iterdir())

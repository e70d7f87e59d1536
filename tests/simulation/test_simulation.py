"""Some hundred seeds, and the simulator's own promise: same seed, same simulation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sample import sampled
from tests.simulation.search import ENOUGH_FOR_ALL_SIGHTS, report, search
from tests.simulation.simulation import simulate


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_promise_breaks_in_a_few_seeds():
    found = search(0, 8, jobs=1)
    assert found.is_good, report(found)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_no_promise_breaks_in_four_hundred_seeds_and_everything_was_met():
    found = search(100, ENOUGH_FOR_ALL_SIGHTS, jobs=2)
    assert found.is_good, report(found)


@pytest.mark.promise(18)
@pytest.mark.parametrize("seed", sampled(range(5), every=5, first=1))
def test_the_same_seed_gives_the_same_trace(seed):
    assert simulate(seed).trace == simulate(seed).trace


@pytest.mark.long
@pytest.mark.promise(18)
def test_the_trace_does_not_depend_on_how_a_process_hashes():
    traces = {_trace_of(11, hash_seed=one) for one in ("0", "4711")}
    assert 1 == len(traces)


def _trace_of(seed: int, *, hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--trace"]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environ, cwd=root, check=True
    )
    return done.stdout

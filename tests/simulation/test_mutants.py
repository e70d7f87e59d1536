"""The simulation notices every deliberate defect."""

import pytest

from tests.sample import sampled
from tests.simulation.mutants import MUTANTS

pytestmark = [
    pytest.mark.timeout(300),
    # A process that falls over in the middle leaves its generators to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.mark.parametrize(
    "mutant", sampled(MUTANTS, every=12, first=6), ids=lambda mutant: mutant.sentence
)
def test_no_mutant_survives(mutant):
    assert mutant.caught() is not None, mutant.sentence

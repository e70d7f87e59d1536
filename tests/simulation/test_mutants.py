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


def test_every_mutant_fits_the_source_as_it_is():
    for mutant in MUTANTS:
        with mutant.applied():
            pass


@pytest.mark.parametrize(
    "mutant", sampled(MUTANTS, every=12, first=6), ids=lambda mutant: mutant.sentence
)
def test_no_mutant_survives(mutant):
    assert mutant.caught() is not None, mutant.sentence

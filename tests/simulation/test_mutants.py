"""The simulation notices every deliberate defect."""

import pytest

from tests.mutants.test_defects import DEFECTS
from tests.simulation.mutation import applied, caught

MUTANTS = [one for one in DEFECTS if one.seed is not None]
pytestmark = [
    pytest.mark.timeout(300),
    # A process that falls over in the middle leaves its generators to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_every_mutant_fits_the_source_as_it_is():
    for mutant in MUTANTS:
        with applied(mutant):
            pass


@pytest.mark.long
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_no_mutant_survives(mutant):
    assert caught(mutant) is not None

"""Deliberate defects: a simulation that does not notice them would prove nothing."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import ModuleType

from tests.simulation import mutants_ledger, mutants_observing, mutants_sending
from tests.simulation.mutation import Patches
from tests.simulation.simulation import Verdict, simulate

ENOUGH = 400
"""A defect that shows in none of so many seeds has survived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One defect: its name, what is wrong, and how the program gets it."""

    name: str
    sentence: str
    patches: Patches

    @property
    def seeds(self) -> range:
        """Where to look for it, the likeliest first."""
        return range(self.patches.begin, self.patches.begin + ENOUGH)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The program has the defect in the body."""
        with ExitStack() as stack:
            for patch in self.patches():
                stack.enter_context(patch)
            yield

    def caught(self) -> Verdict | None:
        """The first verdict that notices it, in a seed where nothing is broken without it."""
        for seed in self.seeds:
            with self.applied():
                verdict = simulate(seed)
            if verdict.broken and not simulate(seed).broken:
                return verdict
        return None


def _mutants(module: ModuleType) -> Iterator[Mutant]:
    for name, patches in vars(module).items():
        if hasattr(patches, "begin"):
            yield Mutant(name=name, sentence=" ".join(patches.__doc__.split()), patches=patches)


MUTANTS = (
    *_mutants(mutants_sending),
    *_mutants(mutants_observing),
    *_mutants(mutants_ledger),
)

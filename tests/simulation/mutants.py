"""Deliberate defects: a simulation that does not notice them would prove nothing."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest import mock

from tests.simulation import mutants_ledger, mutants_sending
from tests.simulation.simulation import Verdict, simulate

Patches = Callable[[], Iterator[mock._patch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One defect: its name, what is wrong, and the first seed to look for it."""

    name: str
    sentence: str
    patches: Patches
    begin: int = 0

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The program has the defect in the body."""
        with ExitStack() as stack:
            for patch in self.patches():
                stack.enter_context(patch)
            yield

    def caught(self, seeds: Iterable[int]) -> Verdict | None:
        """The first verdict that notices it, in a seed where nothing is broken without it."""
        for seed in seeds:
            with self.applied():
                verdict = simulate(seed)
            if verdict.broken and not simulate(seed).broken:
                return verdict
        return None


def _mutants(module: object, begins: dict[str, int]) -> Iterator[Mutant]:
    for name, patches in vars(module).items():
        if getattr(patches, "is_mutant", False):
            yield Mutant(
                name=name,
                sentence=" ".join(patches.__doc__.split()),
                patches=patches,
                begin=begins.get(name, 0),
            )


BEGIN: dict[str, int] = {}
"""Where the search for a defect begins, when it shows in few seeds only."""

MUTANTS = (*_mutants(mutants_sending, BEGIN), *_mutants(mutants_ledger, BEGIN))

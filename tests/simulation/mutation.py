"""How a deliberate defect is written down."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

Patches = Callable[[], Iterator[Any]]


def mutant(*, begin: int = 0) -> Callable[[Patches], Patches]:
    """Mark a generator of patches as a defect; its docstring says what is wrong with it.

    `begin` is a seed near which it shows; defects that need two rare things at once name one.
    """

    def mark(patches: Patches) -> Patches:
        patches.begin = begin
        return patches

    return mark


def swap(target: object, name: str, new: object) -> Any:
    """Put `new` in the place of an attribute, for as long as the defect is wanted."""
    return mock.patch.object(target, name, new)

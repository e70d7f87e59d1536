"""How a deliberate defect is written down."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

Patches = Callable[[], Iterator[Any]]


def mutant(patches: Patches) -> Patches:
    """Mark a generator of patches as a defect; its docstring says what is wrong with it."""
    patches.is_mutant = True
    return patches


def swap(target: object, name: str, new: object) -> Any:
    return mock.patch.object(target, name, new)

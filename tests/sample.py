"""Long tables of parameters: all of them in the long part of the tests, a sample in the quick."""

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(values: Iterable[object], *, every: int, first: int = 0) -> list[Any]:
    """The values as parameters, all `long` but the one at `first` and each `every`-th after it."""
    return [
        value if number % every == first % every else _long(value)
        for number, value in enumerate(values)
    ]


def _long(value: object) -> Any:
    if isinstance(value, type(pytest.param())):
        return pytest.param(*value.values, id=value.id, marks=[*value.marks, pytest.mark.long])
    return pytest.param(value, marks=pytest.mark.long)

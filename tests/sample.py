"""Long tables of parameters: all of them in the long part of the tests, a sample in the quick."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

_PARAM = type(pytest.param())


def sampled(
    table: Mapping[str, object] | Iterable[object], *, every: int, first: int = 0
) -> list[Any]:
    """The rows as parameters, all `long` but the one at `first` and each `every`-th after it.

    A tuple is a row of several values; the rows of a mapping are called by their names.
    """
    rows = table.items() if isinstance(table, Mapping) else ((None, row) for row in table)
    return [
        _row(row, name, is_long=number % every != first % every)
        for number, (name, row) in enumerate(rows)
    ]


def _row(row: object, name: str | None, *, is_long: bool) -> Any:
    marks = [pytest.mark.long] if is_long else []
    if isinstance(row, _PARAM):
        return pytest.param(*row.values, id=row.id, marks=[*row.marks, *marks])
    return pytest.param(*(row if type(row) is tuple else (row,)), id=name, marks=marks)

"""Counts as people read them. Light, so that `status` is quick."""

from collections.abc import Iterable

from batchcancel.appointments import Fact, OutcomeName
from batchcancel.summary import Counts, key_of

Line = tuple[str, str, str]
"""A name, a number, a remark."""


def number(count: int) -> str:
    return f"{count:,}"


def table(lines: Iterable[Line]) -> list[str]:
    """Names, numbers to the right, remarks."""
    rows = list(lines)
    label = max(len(name) for name, _, _ in rows)
    width = max(len(value) for _, value, _ in rows)
    return [
        f"  {name:<{label}}  {value:>{width}}  {remark}".rstrip() for name, value, remark in rows
    ]


def count_table(counts: Counts) -> list[str]:
    """Every state that has rows, and their sum."""
    return table(_count_lines(counts))


def _count_lines(counts: Counts) -> Iterable[Line]:
    for name in OutcomeName:
        if name is OutcomeName.SKIPPED:
            for reason, rows in counts.skipped.items():
                yield f"{name}: {reason}", number(rows), name.remark
        elif counts[name] or Fact.GONE in name.facts:
            yield key_of(name), number(counts[name]), name.remark
    if counts.open:
        yield "open", number(counts.open), "result unknown; the next run reads them back"
    if counts.waiting:
        yield "waiting", number(counts.waiting), "not sent yet"
    yield "rows", number(counts.rows), "in all"

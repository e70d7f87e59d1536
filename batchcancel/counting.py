"""Counts as people read them. Light, so that `status` is quick."""

from collections.abc import Iterable

from batchcancel.summary import Counts

Line = tuple[str, str, str]
"""A name, a number, a remark."""

_TROUBLE = (
    ("rejected_rows", "could not be read"),
    ("not_found", "the API does not know them"),
    ("refused", "the API said no; --retry-refused sends them once more"),
    ("gave_up", "attempts spent; the next run takes them up again"),
    ("needs_review", "alive again after our intent: a person must decide"),
    ("open", "result unknown; the next run reads them back"),
    ("waiting", "not sent yet"),
)


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
    yield "cancelled", number(counts.cancelled), "by this batch"
    yield "already_cancelled", number(counts.already_cancelled), "before we came"
    for reason, rows in counts.skipped.items():
        yield f"skipped: {reason}", number(rows), "left alone by policy"
    for name, remark in _TROUBLE:
        if rows := getattr(counts, name):
            yield name, number(rows), remark
    yield "rows", number(counts.rows), "in all"

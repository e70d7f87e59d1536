"""Rows that the manifest itself marks as done: what of them is still to be decided, and told."""

from collections.abc import Iterator

from batchcancel.events import Caution
from batchcancel.policy.earlier_runs import EarlierRuns
from batchcancel.reader.manifest import Manifest


def is_nothing_left(manifest: Manifest, earlier: EarlierRuns) -> bool:
    """Whether every row is settled, or marked as done and nothing was sent for it."""
    marked = set(manifest.marked_ids()).difference(one.appointment_id for one in earlier.open_rows)
    return marked.union(earlier.settled_ids).issuperset(manifest.ids())


def foreign_outcomes(manifest: Manifest) -> Iterator[Caution]:
    """Tell of an `outcome` column with words that are not ours."""
    rows = manifest.foreign_rows
    if rows == 0:
        return
    named = ", ".join(manifest.foreign_outcomes)
    yield Caution(
        code="foreign_outcome",
        text=f"the column outcome has words in {rows} {'row' if rows == 1 else 'rows'} that are "
        f"none of this program's{named and f' ({named})'}: they say nothing here, and these rows "
        "are decided on like others",
    )

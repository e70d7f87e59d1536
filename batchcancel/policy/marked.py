"""Rows that the manifest itself marks as done: whether anything is left to be decided."""

from batchcancel.policy.earlier_runs import EarlierRuns
from batchcancel.reader.manifest import Manifest


def is_nothing_left(manifest: Manifest, earlier: EarlierRuns) -> bool:
    """Whether every row is settled, or marked as done and nothing was sent for it."""
    marked = set(manifest.marked_ids()).difference(one.appointment_id for one in earlier.open_rows)
    return marked.union(earlier.settled_ids).issuperset(manifest.ids())

"""What it means that a statement met no row: the ledger itself refuses what must not be."""

from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger import Answered, Entry


def unmet(entry: Entry) -> LedgerWriteFailed:
    """The refusal of an entry whose statement did not meet exactly one row."""
    if isinstance(entry, Answered):
        return LedgerWriteFailed(f"request {entry.request} was answered, but never sent")
    kind = type(entry).__name__.lower()
    return LedgerWriteFailed(
        f"the ledger refused {kind} for {entry.appointment_id}: "
        "it is settled, or not a row of the batch"
    )

"""The export command: what became of each row, alone or beside the manifest's own columns."""

from collections.abc import Collection

from batchcancel.errors import InputError
from batchcancel.ledger.questions import LedgerReader
from batchcancel.people.beside import beside
from batchcancel.report.results import Table, known, results
from batchcancel.report.status import zone_of


def export(
    account: LedgerReader, batch: str, *, outcomes: Collection[str], manifest: str | None = None
) -> Table:
    """The rows as a table; with a `manifest`, maybe names: its own columns stand beside them."""
    wanted = known(outcomes)
    if manifest is None:
        return results(account.rows(batch), outcomes=wanted)
    zone = zone_of(account.batch(batch))
    frame = beside(manifest, account.rows(batch), timezone=zone, wanted=wanted)
    if frame.is_empty() and not wanted:
        raise InputError(f"{manifest} has no rows", hint="Name the manifest of this batch.")
    return frame

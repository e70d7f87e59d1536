"""The export command: what became of each row, alone or beside the manifest's own columns."""

from collections.abc import Collection

from batchcancel.errors import InputError
from batchcancel.ledger.questions import LedgerReader
from batchcancel.people.beside import beside
from batchcancel.report.atomic import Output
from batchcancel.report.results import csv_text, known, results, write_table
from batchcancel.report.status import zone_of


def export(
    account: LedgerReader,
    batch: str,
    output: Output | None,
    *,
    outcomes: Collection[str] = (),
    manifest: str | None = None,
) -> tuple[int, str]:
    """Write the rows to a file, whole or not at all; without one they come back as CSV.

    With a `manifest` its own columns stand beside them.
    """
    wanted = known(outcomes)
    if manifest is None:
        frame = results(account.rows(batch), outcomes=wanted)
    else:
        zone = zone_of(account.batch(batch))
        frame = beside(manifest, account.rows(batch), timezone=zone, wanted=wanted)
        if frame.is_empty() and not wanted:
            raise InputError(f"{manifest} has no rows", hint="Name the manifest of this batch.")
    if output is None:
        return len(frame), csv_text(frame)
    return write_table(frame, output), ""

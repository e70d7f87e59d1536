"""The resolve command: a person's decision on rows that nobody else may decide on."""

import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from batchcancel.addresses import Source
from batchcancel.appointments import OutcomeName, Resolved
from batchcancel.commands.run import new_run
from batchcancel.errors import ExitCode, InputError
from batchcancel.events import Observer
from batchcancel.ledger.contract import RowRecord, State
from batchcancel.ledger.writing import Ledger
from batchcancel.reader.fetch import fetched
from batchcancel.reader.read import read_manifest
from batchcancel.report.counts import RESOLVABLE_SKIPS
from batchcancel.report.tables import many
from batchcancel.stop import Stop

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What was decided on how many rows."""

    batch: str
    resolved: int
    decision: str

    def as_json(self) -> dict[str, object]:
        return {"batch": self.batch, "resolved": self.resolved, "as": self.decision}


async def ids_in(manifest: Source, *, stop: Stop, observe: Observer) -> list[str]:
    """The appointments that a manifest names, wherever it lies; `InputError` for a bad row."""
    _refuse_id(manifest)
    found = read_manifest(await fetched(manifest, stop=stop, observe=observe))
    found.require_clean()
    return found.ids()


def _refuse_id(manifest: Source) -> None:
    is_file = manifest.is_remote or manifest.is_stdin or Path(manifest.place).exists()
    if not is_file and re.fullmatch(r"[\w-]{1,64}", manifest.place):
        raise InputError(
            f"there is no manifest {manifest.place}",
            hint="Type ids after the ledger, without --only. Nothing is changed.",
        )


def resolve(
    ledger: Ledger, batch: str, ids: Collection[str], *, decision: str, reason: str | None,
    now: datetime, shown: str,
) -> Resolution:  # fmt: skip
    """Write the decision down for all of the rows, or for none; `InputError` where one has none.

    It is held against the record as it was seen last: where that changes, it counts no more.
    `shown` is the ledger's address as it may be shown.
    """
    named = {*ids}
    rows = {one.appointment_id: one for one in ledger.rows(batch) if one.appointment_id in named}
    wrong = [one for one in ids if one not in rows or not _is_for_a_person(rows[one])]
    if wrong or not ids:
        raise InputError(
            f"nobody has to decide on {', '.join(wrong[:_SHOWN])}" if wrong else "no row is named",
            hint="Rows that need review, are moved, of unknown status, or in doubt are resolved: "
            f"batchcancel export {shlex.quote(shown)} --batch {batch} -o look.csv has them. "
            "Nothing is changed.",
        )
    last = next(reversed(ledger.runs(batch)), None)
    run = new_run(
        batch, None if last is None else last.options, run_id=None, now=now, kind="resolve"
    )
    ledger.hold(run)  # so that no run decides on them meanwhile
    decided = [Resolved(one, decision, run.user, now, reason) for one in ids]
    count = ledger.resolve(batch, decided)
    why = f"resolved as {decision}: {many(count, 'row')}"
    ledger.finish(replace(run, ended_at=now, exit_code=int(ExitCode.DONE), why=why))
    return Resolution(batch=batch, resolved=count, decision=decision)


def _is_for_a_person(row: RowRecord) -> bool:
    is_skipped = row.outcome == OutcomeName.SKIPPED and row.reason in (*RESOLVABLE_SKIPS, "kept")
    return is_skipped or row.outcome == OutcomeName.NEEDS_REVIEW or row.state is State.OPEN

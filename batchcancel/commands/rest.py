"""What a run in slices knows, in the ledger between two slices: no keys, no notes, no names.

It is good for one slice, for the same settings, and only where nobody had the batch meanwhile.
"""

import base64
import json
import zlib
from dataclasses import dataclass, replace
from datetime import datetime

from batchcancel.clock import Bounds
from batchcancel.commands.plain import made, plain
from batchcancel.commands.work import Work
from batchcancel.ledger.contract import Look
from batchcancel.ledger.questions import LedgerReader
from batchcancel.pool.exchange import Spent
from batchcancel.reader.manifest import Manifest
from batchcancel.settings.load import Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What the slice `run_id` left when it paused; `told` stands for all that it was told.

    Instants are this machine's. The `clock` is good on the same `boot`. With `has_notes` the
    manifest, of this `digest`, has notes on rows, which are kept nowhere.
    """

    run_id: str
    told: str
    began_at: datetime
    paused_at: datetime
    boot: str
    clock: Bounds
    spent: Spent
    digest: str
    has_notes: bool
    work: Work

    def look(self, batch: str) -> Look:
        """As the ledger keeps it."""
        text = json.dumps(plain(replace(self, work=_without_notes(self.work))))
        packed = base64.b85encode(zlib.compress(text.encode())).decode("ascii")
        return Look("rest", self.paused_at, {"batch": batch, "rest": packed})

    def with_notes(self, manifest: Manifest) -> "Rest | None":
        """With the notes of the manifest's rows; None where it is not the same any more."""
        if manifest.digest != self.digest:
            return None
        found = manifest.frame.select("appointment_id", "notes").drop_nulls()
        notes: dict[str, str] = dict(found.iter_rows())
        rows = [
            (replace(one, notes=notes.get(one.appointment_id)), begun)
            for one, begun in self.work.rows
        ]
        return replace(self, work=replace(self.work, rows=rows))


def _without_notes(work: Work) -> Work:
    return replace(work, rows=[(replace(one, notes=None), begun) for one, begun in work.rows])


def has_notes(manifest: Manifest) -> bool:
    """Whether it has notes on rows, which a later slice must read once more."""
    notes = manifest.frame.get_column("notes")
    return notes.null_count() < len(notes)


def told(settings: Settings) -> str:
    """Stands for all that a run was told, its key and its notes included, and tells none of it."""
    said = [
        settings.recorded(), settings.origin, settings.api_key.fingerprint, settings.notes,
        plain(settings.sessions),
    ]  # fmt: skip
    return Secret(json.dumps(said)).fingerprint


def rest_of(account: LedgerReader, settings: Settings, run_id: str) -> Rest | None:
    """What the last run over the batch left, where it is that slice and was told the same."""
    runs = account.runs(settings.batch)
    looks = account.looks(settings.batch, rest=True)
    if not looks or not runs or runs[-1].run_id != run_id:
        return None
    try:
        text = zlib.decompress(base64.b85decode(looks[-1].found["rest"]))
        rest = made(Rest, json.loads(text))
    except (KeyError, TypeError, ValueError, zlib.error):
        return None  # a later program's, or nobody's
    return rest if (rest.run_id, rest.told) == (run_id, told(settings)) else None

"""A ledger in which every row of a manifest is settled, written through the ledger itself."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batchcancel.appointments import Outcome, OutcomeName
from batchcancel.ledger import Run, Settled
from batchcancel.ledgers.sqlite import open_sqlite
from batchcancel.policy.earlier_runs import batch_of
from batchcancel.reader.read import read_manifest
from batchcancel.sandbox import FULL_KEY
from batchcancel.settings.load import load_settings

_COMMIT = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The ledger, and how long enrolling its rows took."""

    ledger: Path
    enrolment_seconds: float


def settled_ledger(manifest: Path, *, base_url: str) -> Built:
    """As a run leaves it that has cancelled everything."""
    path, now = manifest.with_suffix(".settled.db"), datetime.now(UTC)
    settings = load_settings(
        str(manifest),
        flags={"ledger": str(path), "base_url": base_url},
        environ={"HUSKYVOICE_API_KEY": FULL_KEY},
    )
    rows = read_manifest(str(manifest))
    run = Run(run_id="earlier", batch=settings.batch, started_at=now, ended_at=now, exit_code=0)
    ledger = open_sqlite(path, origin=settings.origin, key=settings.api_key.fingerprint)
    ledger.hold(run)
    began = time.perf_counter()
    ledger.enrol(
        batch_of(rows, name=settings.batch, origin=settings.origin),
        rows.ledger_rows(),
        rows.rejected,
    )
    seconds = time.perf_counter() - began
    cancelled = Outcome(OutcomeName.CANCELLED)
    ids = rows.ids()
    for first in range(0, len(ids), _COMMIT):
        part = ids[first : first + _COMMIT]
        ledger.commit([Settled(appointment_id=one, outcome=cancelled, at=now) for one in part])
    ledger.finish(run)
    ledger.close()
    return Built(ledger=path, enrolment_seconds=seconds)

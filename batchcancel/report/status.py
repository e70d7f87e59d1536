"""The status of the batches in a ledger, as text and as JSON."""

from dataclasses import dataclass
from typing import Any

from batchcancel.addresses import redacted_ledger
from batchcancel.errors import InputError
from batchcancel.ledger.contract import Batch, LedgerReader, Run
from batchcancel.report.counts import Counts, counts_from
from batchcancel.report.summary import headline
from batchcancel.report.tables import count_table


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """One batch: its counts, and its last run."""

    batch: Batch
    counts: Counts
    runs: int
    last: Run | None

    def text(self) -> str:
        head = (
            f"Batch {self.batch.name} at {self.batch.origin}: "
            f"{headline(self.counts, restores=self.batch.kind == 'restore')}"
        )
        return "\n".join([head, "", *count_table(self.counts), "", f"  {self._last_run()}"])

    def _last_run(self) -> str:
        if self.last is None:
            return "no run yet"
        began = (
            f"run {self.runs}, {self.last.run_id}, began {self.last.started_at:%Y-%m-%d %H:%M} UTC"
        )
        if self.last.ended_at is None:
            return f"{began}: going on, or broken off"
        return f"{began}, ended {self.last.ended_at:%H:%M}, exit code {self.last.exit_code}"

    def as_json(self, ledger: str) -> dict[str, Any]:
        last = self.last
        return {
            "batch": self.batch.name,
            "origin": self.batch.origin,
            **self.counts.as_json(),
            "duplicates": self.batch.duplicates,
            "runs": self.runs,
            "run_id": last and last.run_id,
            "exit_code": last and last.exit_code,
            "ledger": ledger,
        }


def read_status(account: LedgerReader, *, only: str | None) -> list[BatchStatus]:
    """All batches, or the named one; raises `InputError` when there is no such batch."""
    batches = [one for one in account.batches() if only in (None, one.name)]
    if only is not None and not batches:
        names = ", ".join(one.name for one in account.batches()) or "none"
        raise InputError(f"the ledger has no batch {only}", hint=f"It has: {names}.")
    return [_batch_status(account, batch) for batch in batches]


def the_batch(account: LedgerReader, wanted: str | None, *, ledger: str) -> str:
    """The name of the batch that is meant: the only one, where none is named.

    A restore of it is no other one. Raises `InputError` where it is not clear, or not there.
    """
    batches = account.batches()
    if not batches:
        raise InputError(
            f"{redacted_ledger(ledger)} holds no batch yet",
            hint="A run puts one in: batchcancel run closure.csv",
        )
    if wanted is not None:
        read_status(account, only=wanted)
        return wanted
    first, *others = [one.name for one in batches if one.kind != "restore"]
    if others:
        raise InputError(
            f"{redacted_ledger(ledger)} has {len(batches)} batches",
            hint=f"Name one with --batch: {', '.join(one.name for one in batches)}.",
        )
    return first


def _batch_status(account: LedgerReader, batch: Batch) -> BatchStatus:
    runs = account.runs(batch.name)
    return BatchStatus(
        batch=batch,
        counts=counts_from(account.tally(batch.name)),
        runs=len(runs),
        last=runs[-1] if runs else None,
    )

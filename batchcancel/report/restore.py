"""The plan of a restore, as text and as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from batchcancel.api import Rate
from batchcancel.appointments import SkipReason
from batchcancel.report.tables import Figure, duration, grouped, headed, table
from batchcancel.settings.quantities import is_rehearsal

_WHY = {
    SkipReason.UNKNOWN_BEFORE: "nobody saw what they were before, or it is no status to set",
    SkipReason.WAS_RESCHEDULED: "would come back as confirmed; --rescheduled-too",
    SkipReason.CHANGED_SINCE: "somebody touched them since",
    SkipReason.ALREADY_STARTED: "their time has come",
    SkipReason.SLOT_TAKEN: "their window is full, or not in the calendar; --overbook",
}
_TOLD = (
    "!! Patients may have been told that their appointment is cancelled, and may have booked "
    "another. Restoring tells them nothing: somebody must."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What would be restored of the batch `of_batch`, in the batch `batch`; counts of rows.

    `settled` were so before, `held_back` wait for a restore without `--limit`. `rescheduled` are
    eligible ones that were it before, `open` those that are read back first, `unknown` those of
    `--only` that the batch did not cancel, or that are restored.
    """

    batch: str
    of_batch: str
    origin: str
    ledger: str
    rows: int
    eligible: int
    settled: int
    held_back: int
    open: int
    rescheduled: int
    unknown: int
    skipped: Mapping[SkipReason, int]
    requests: int
    seconds: float
    rate: Rate

    def as_json(self) -> dict[str, Any]:
        told = {name: getattr(self, name) for name in self.__slots__ if name != "rate"}
        skipped = {str(reason): rows for reason, rows in self.skipped.items()}
        return told | {"skipped": skipped, "rehearsal": is_rehearsal(self.origin)}


def restore_text(plan: RestorePlan) -> str:
    """What will be put back, what will not, and what nobody can take back."""
    head = f"Plan to restore what batch {plan.of_batch} cancelled, as {plan.batch} at {plan.origin}"
    parts = [headed(plan.origin, head), "", *table(_figures(plan)), "", _TOLD]
    if plan.rescheduled:
        parts.append(
            f"!! {grouped(plan.rescheduled)} were rescheduled before, and will be confirmed: that "
            "they had been moved is lost."
        )
    if plan.unknown:
        parts.append(
            f"!! {grouped(plan.unknown)} rows of the manifest are none that batch {plan.of_batch} "
            "has cancelled and nobody restored."
        )
    return "\n".join(parts)


def _figures(plan: RestorePlan) -> Iterator[Figure]:
    yield "rows", plan.rows, "that the batch cancelled"
    if plan.settled:
        yield "settled already", plan.settled, "in the ledger; never sent again"
    for reason, rows in plan.skipped.items():
        yield f"skipped: {reason}", rows, _WHY.get(reason, "")
    if plan.held_back:
        yield "held back", plan.held_back, "by --limit"
    yield "eligible", plan.eligible, "to be confirmed again"
    if plan.open:
        yield "  of them open", plan.open, "read back first: they may be restored already"
    yield "requests", plan.requests, f"at {plan.rate}"
    is_free = plan.rate.is_unlimited
    yield "time", "", "as fast as the API answers" if is_free else duration(plan.seconds)

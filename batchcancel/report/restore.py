"""The plan of a restore, as text and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchcancel.api import Rate
from batchcancel.appointments import SkipReason
from batchcancel.events import Caution
from batchcancel.report.tables import Figure, duration, grouped, headed, table

_WHY = {
    SkipReason.UNKNOWN_BEFORE: "what they were before was not seen, or is no status to set",
    SkipReason.WAS_RESCHEDULED: "would come back as confirmed; --rescheduled-too",
    SkipReason.CHANGED_SINCE: "touched after this program cancelled them",
    SkipReason.ALREADY_STARTED: "their time has come",
    SkipReason.SLOT_TAKEN: "no free place is known in their window; --overbook",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What would be restored of the batch `of_batch`, in the batch `batch`; counts of rows.

    `settled` were so before, `held_back` wait for a run without `--limit`. `rescheduled` are those
    eligible ones that were it before, `open` those that are read back first.
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
    skipped: Mapping[SkipReason, int]
    requests: int
    seconds: float
    rate: Rate
    cautions: Sequence[Caution] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "batch": self.batch,
            "of_batch": self.of_batch,
            "rows": self.rows,
            "eligible": self.eligible,
            "settled": self.settled,
            "held_back": self.held_back,
            "open": self.open,
            "rescheduled": self.rescheduled,
            "skipped": {str(reason): rows for reason, rows in self.skipped.items()},
            "requests": self.requests,
            "seconds": self.seconds,
            "cautions": {caution.code: caution.text for caution in self.cautions},
            "ledger": self.ledger,
            "origin": self.origin,
        }


def restore_text(plan: RestorePlan) -> str:
    """What will be put back, what will not, and what nobody can take back."""
    head = f"Plan to restore what batch {plan.of_batch} cancelled, as {plan.batch} at {plan.origin}"
    return "\n".join([headed(plan.origin, head), "", *table(_figures(plan)), "", *_warnings(plan)])


def _figures(plan: RestorePlan) -> Iterator[Figure]:
    yield "rows", grouped(plan.rows), "that the batch cancelled"
    if plan.settled:
        yield "settled already", grouped(plan.settled), "in the ledger; never sent again"
    for reason, rows in plan.skipped.items():
        yield f"skipped: {reason}", grouped(rows), _WHY.get(reason, "")
    if plan.held_back:
        yield "held back", grouped(plan.held_back), "by --limit"
    yield "eligible", grouped(plan.eligible), "to be confirmed again"
    if plan.open:
        yield "  of them open", grouped(plan.open), "read back first: they may be restored already"
    yield "requests", grouped(plan.requests), f"at {plan.rate}"
    yield (
        "time",
        "",
        "as fast as the API answers" if plan.rate.is_unlimited else duration(plan.seconds),
    )


def _warnings(plan: RestorePlan) -> Iterator[str]:
    yield (
        "!! Patients may have been told that their appointment is cancelled, and may have booked "
        "another. Restoring tells them nothing: somebody must."
    )
    if plan.rescheduled:
        yield (
            f"!! {grouped(plan.rescheduled)} were rescheduled before, and will be confirmed: that "
            "they had been moved is lost."
        )
    if taken := plan.skipped.get(SkipReason.SLOT_TAKEN):
        yield (
            f"!! {grouped(taken)} will NOT be restored: their windows are full, or not in the "
            "calendar. --overbook restores them all the same."
        )
    for caution in plan.cautions:
        yield f"!! {caution.text[0].upper()}{caution.text[1:]}."

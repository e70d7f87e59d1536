"""The prune command: forget batches in which nothing is left to do, since long ago."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.writing import Ledger
from batchcancel.report.tables import grouped, many

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """The batches that may go and their rows, and what is gone; `kept` are the others."""

    before: datetime
    batches: tuple[str, ...]
    rows: int
    kept: int
    gone: Mapping[str, int] = field(default_factory=dict)

    def text(self) -> str:
        if self.gone:
            told = [many(self.gone[f"{one}s"], one) for one in ("row", "run", "request")]
            told.insert(0, _batches(self.gone["batches"]))
            return f"Forgotten: {', '.join(told)}. {_stay(self.kept)}."
        if not self.batches:
            return f"No batch was finished before {self.before:%Y-%m-%d}: nothing would go."
        names = ", ".join(self.batches[:_SHOWN])
        more = len(self.batches) - _SHOWN
        were = "was" if len(self.batches) == 1 else "were"
        return (
            f"{_batches(len(self.batches))} with {many(self.rows, 'row')} {were} finished "
            f"before {self.before:%Y-%m-%d}: {names}"
            f"{f' and {grouped(more)} more' if more > 0 else ''}.\n"
            f"{_stay(self.kept)}: newer, or not quite ended.\n"
            "What is forgotten no status, export or report can tell, nor restore bring back; and a "
            "run of its manifest would send it once more."
        )

    def as_json(self) -> dict[str, object]:
        return {
            "batches": len(self.batches), "names": list(self.batches), "rows": self.rows,
            "kept": self.kept, "before": self.before.isoformat(), "forgotten": dict(self.gone),
        }  # fmt: skip


def _batches(number: int) -> str:
    return f"{grouped(number)} batch{'' if number == 1 else 'es'}"


def _stay(kept: int) -> str:
    return f"{_batches(kept)} stay{'s' if kept == 1 else ''}"


def look(account: LedgerReader, *, before: datetime) -> Pruning:
    """What would go."""
    found = account.finished(before)
    return Pruning(
        before=before, batches=tuple(one.batch for one in found),
        rows=sum(one.rows for one in found), kept=len(account.batches()) - len(found),
    )  # fmt: skip


def prune(ledger: Ledger, looked: Pruning) -> Pruning:
    """Forget those that were shown, as far as they are still as they were."""
    gone = ledger.prune(looked.batches, before=looked.before)
    kept = looked.kept + len(looked.batches) - gone["batches"]
    return Pruning(
        before=looked.before, batches=looked.batches, rows=looked.rows, kept=kept, gone=gone
    )

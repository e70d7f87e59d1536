"""Ledger -> counts that add up, and the exit code they mean."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from batchcancel.appointments import OutcomeName
from batchcancel.errors import ExitCode
from batchcancel.ledger import State, TallyLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Every row once: `rows` is the sum of all the others."""

    rows: int
    cancelled: int
    already_cancelled: int
    skipped: Mapping[str, int]
    rejected_rows: int
    not_found: int
    refused: int
    gave_up: int
    needs_review: int
    open: int
    waiting: int

    @property
    def is_complete(self) -> bool:
        """Nothing is left that was eligible."""
        left = self.not_found + self.refused + self.gave_up + self.needs_review + self.open
        return left + self.waiting == 0


def count(lines: Iterable[TallyLine]) -> Counts:
    """Fold a ledger's tally; a row that was given up counts there, not as open or waiting."""
    numbers: dict[str, int] = {}
    skipped: dict[str, int] = {}
    for line in lines:
        place = line.outcome or line.state.value
        numbers[place] = numbers.get(place, 0) + line.rows
        if place == OutcomeName.SKIPPED:
            skipped[str(line.reason)] = skipped.get(str(line.reason), 0) + line.rows
    return Counts(
        rows=sum(numbers.values()),
        cancelled=numbers.get(OutcomeName.CANCELLED, 0),
        already_cancelled=numbers.get(OutcomeName.ALREADY_CANCELLED, 0),
        skipped=dict(sorted(skipped.items())),
        rejected_rows=numbers.get(OutcomeName.REJECTED_ROW, 0),
        not_found=numbers.get(OutcomeName.NOT_FOUND, 0),
        refused=numbers.get(OutcomeName.REFUSED, 0),
        gave_up=numbers.get(OutcomeName.GAVE_UP, 0),
        needs_review=numbers.get(OutcomeName.NEEDS_REVIEW, 0),
        open=numbers.get(State.OPEN, 0),
        waiting=numbers.get(State.WAITING, 0),
    )


def exit_code(counts: Counts, *, held_back: int = 0) -> int:
    """0 when every eligible row is cancelled; rows held back by `--limit` were not asked for."""
    if counts.is_complete:
        return ExitCode.DONE
    left = counts.not_found + counts.refused + counts.gave_up + counts.needs_review + counts.open
    if left == 0 and counts.waiting <= held_back:
        return ExitCode.DONE
    return ExitCode.INCOMPLETE


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run did, and where its batch stands; `elapsed_s` is in seconds."""

    batch: str
    run_id: str
    counts: Counts
    duplicates: int
    requests: int
    rate_limited: int
    elapsed_s: float
    exit_code: int
    ledger: str

    def as_json(self) -> dict[str, Any]:
        """The line for machines: counts first, no personal data."""
        return {
            "batch": self.batch,
            "run_id": self.run_id,
            **asdict(self.counts),
            "duplicates": self.duplicates,
            "requests": self.requests,
            "rate_limited": self.rate_limited,
            "elapsed_s": round(self.elapsed_s, 3),
            "exit_code": int(self.exit_code),
            "ledger": self.ledger,
        }

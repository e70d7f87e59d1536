"""Aggregation of a ledger's tally into counts that add up, and the exit code they mean."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from batchcancel.appointments import Fact, OutcomeName, SkipReason
from batchcancel.errors import ExitCode
from batchcancel.ledger.contract import State, TallyLine

_SETTLING = {name.value for name in OutcomeName if Fact.FINAL in name.facts}
RESOLVABLE_SKIPS = (SkipReason.MOVED, SkipReason.UNKNOWN_STATUS)
"""Reasons to leave a row alone that a person's decision ends."""


def key_of(name: OutcomeName) -> str:
    """The name of an outcome's count in tables and in JSON."""
    return "rejected_rows" if name is OutcomeName.REJECTED_ROW else name.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Every row once: by its outcome, else as open or waiting. `skipped` tells the reasons.

    `in_doubt` are those whose result is unknown: the open ones, and of those given up some.
    """

    outcomes: Mapping[str, int]
    skipped: Mapping[str, int]
    open: int
    waiting: int
    in_doubt: int = 0

    def __getitem__(self, name: str) -> int:
        return self.outcomes.get(name, 0)

    def with_fact(self, fact: Fact) -> int:
        """Rows whose outcome, or whose reason to be skipped, has the fact."""
        skipped = sum(self.skipped.get(one, 0) for one in SkipReason if fact in one.facts)
        return skipped + sum(self[name] for name in OutcomeName if fact in name.facts)

    @property
    def rows(self) -> int:
        return sum(self.outcomes.values()) + self.open + self.waiting

    @property
    def left(self) -> int:
        """Rows that another run takes up."""
        return self.rows - self.with_fact(Fact.FINAL)

    @property
    def to_resolve(self) -> int:
        """Rows on which a person has to decide."""
        skipped = sum(self.skipped.get(one, 0) for one in RESOLVABLE_SKIPS)
        return self[OutcomeName.NEEDS_REVIEW] + skipped

    @property
    def are_all_marked_done(self) -> bool:
        """Whether the manifest itself left no row to be decided on."""
        return 0 < self.rows == self.skipped.get(SkipReason.MARKED_DONE, 0)

    def as_json(self) -> dict[str, Any]:
        """The counts by their names in JSON; all others add up to `rows`."""
        numbers: dict[str, Any] = {key_of(name): self[name] for name in OutcomeName}
        numbers |= {OutcomeName.SKIPPED.value: dict(self.skipped)}
        return {"rows": self.rows, **numbers, "open": self.open, "waiting": self.waiting}


def counts_from(lines: Iterable[TallyLine]) -> Counts:
    """Sum up a ledger's tally; a row that was given up counts as that, not as open or waiting."""
    numbers: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    in_doubt = 0
    for state, outcome, reason, rows in lines:
        # An outcome that settles rows is only noted where the row is not settled.
        is_noted = state is not State.SETTLED and outcome in _SETTLING
        place = state.value if outcome is None or is_noted else outcome
        numbers[place] += rows
        in_doubt += rows if state is State.OPEN else 0
        if place == OutcomeName.SKIPPED:
            skipped[str(reason)] += rows
    outcomes: dict[str, int] = {name: numbers[name] for name in OutcomeName if name in numbers}
    return Counts(
        outcomes=outcomes, skipped=dict(sorted(skipped.items())),
        open=numbers[State.OPEN], waiting=numbers[State.WAITING],
        in_doubt=in_doubt,
    )  # fmt: skip


def exit_code(
    counts: Counts, *, held_back: int = 0, restores: bool = False, left_out: int = 0
) -> int:
    """0 when every eligible row is cancelled; rows held back by `--limit` were not asked for.

    What a restore leaves as it is was asked for too, and so were the `left_out`.
    """
    if restores and counts[OutcomeName.RESTORED] + held_back < counts.rows + left_out:
        return ExitCode.INCOMPLETE
    # An open row may be cancelled or not: until it is read back somebody has to look.
    is_for_a_person = counts.with_fact(Fact.PERSON) + counts.open > 0
    if is_for_a_person or counts.are_all_marked_done or counts.waiting > held_back:
        return ExitCode.INCOMPLETE
    return ExitCode.DONE

"""Counts of a batch, written down as numbers."""

from collections.abc import Mapping

from batchcancel.appointments import OutcomeName
from batchcancel.ledger.contract import State, TallyLine
from batchcancel.report.counts import Counts, counts_from

_NAMES = {"rejected_rows": OutcomeName.REJECTED_ROW}


def counts_of(*, skipped: Mapping[str, int] | None = None, **numbers: int) -> Counts:
    """So many rows under the names that `run --json` uses; skipped ones by their reasons."""
    lines = [TallyLine(State.SETTLED, "skipped", *one) for one in (skipped or {}).items()]
    for name, rows in numbers.items():
        if name in (State.OPEN, State.WAITING):
            lines.append(TallyLine(State(name), None, None, rows))
        else:
            lines.append(TallyLine(State.SETTLED, _NAMES.get(name, name), None, rows))
    return counts_from(lines)

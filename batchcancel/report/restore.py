"""The plan of a restore as text."""

from collections.abc import Iterator, Mapping
from typing import Any

from batchcancel.api import Rate
from batchcancel.appointments import SkipReason
from batchcancel.report.tables import Figure, duration, grouped, headed, table

_WHY: Mapping[str, str] = {
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


def restore_text(plan: Mapping[str, Any], rate: Rate) -> str:
    """What will be put back, what will not, and what nobody can take back; counts of rows.

    `settled` were so before, `held_back` wait for a restore without `--limit`. `rescheduled` are
    eligible ones that were it before, `open` those that are read back first, `unknown` those of
    `--only` that the batch `of_batch` did not cancel, or that are restored.
    """
    of_batch, origin = plan["of_batch"], plan["origin"]
    head = f"Plan to restore what batch {of_batch} cancelled, as {plan['batch']} at {origin}"
    parts = [headed(origin, head), "", *table(_figures(plan, rate)), "", _TOLD]
    if plan["rescheduled"]:
        parts.append(
            f"!! {grouped(plan['rescheduled'])} were rescheduled before, and will be confirmed: "
            "that they had been moved is lost."
        )
    if plan["unknown"]:
        parts.append(
            f"!! {grouped(plan['unknown'])} rows of the manifest are none that batch {of_batch} "
            "has cancelled and nobody restored."
        )
    return "\n".join(parts)


def _figures(plan: Mapping[str, Any], rate: Rate) -> Iterator[Figure]:
    yield "rows", plan["rows"], "that the batch cancelled"
    if plan["settled"]:
        yield "settled already", plan["settled"], "in the ledger; never sent again"
    for reason, rows in plan["skipped"].items():
        yield f"skipped: {reason}", rows, _WHY.get(reason, "")
    if plan["held_back"]:
        yield "held back", plan["held_back"], "by --limit"
    yield "eligible", plan["eligible"], "to be confirmed again"
    if plan["open"]:
        yield "  of them open", plan["open"], "read back first: they may be restored already"
    yield "requests", plan["requests"], f"at {rate}"
    yield (
        "time",
        "",
        "as fast as the API answers" if rate.is_unlimited else duration(plan["seconds"]),
    )

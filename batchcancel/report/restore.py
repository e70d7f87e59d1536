"""The plan of a restore as text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from batchcancel.api import Rate
from batchcancel.appointments import SkipReason
from batchcancel.report.tables import Figure, cut, duration, grouped, headed, many, plain, table

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


class Coming(NamedTuple):
    """An appointment that is to be put back, and where it was."""

    appointment_id: str
    day: date | None
    session: str | None


def restore_text(plan: Mapping[str, Any], rate: Rate, coming: Sequence[Coming]) -> str:
    """What will be put back, the first by name, what will not, and what nobody can take back.

    `settled` were so before, among them the `restored`; `held_back` wait for a restore without
    `--limit`. `rescheduled` are eligible ones that were it before, `open` those that are read back
    first, `unknown` those that were named and that the batch `of_batch` did not cancel; `others`
    are all that it cancelled and that stay so.
    """
    of_batch, origin = plan["of_batch"], plan["origin"]
    head = f"Plan to restore what batch {of_batch} cancelled, as {plan['batch']} at {origin}"
    parts = [headed(origin, head), "", *table(_figures(plan, rate)), ""]
    if coming:
        parts += ["To be confirmed again:", *cut([_line(one) for one in coming])]
    if plan["others"]:
        verb = "other stays" if plan["others"] == 1 else "others stay"
        parts.append(f"{grouped(plan['others'])} {verb} cancelled.")
    parts += [*([""] if parts[-1] else []), _TOLD] if plan["eligible"] else []
    if plan["rescheduled"]:
        parts.append(
            f"!! {grouped(plan['rescheduled'])} were rescheduled before, and will be confirmed: "
            "that they had been moved is lost."
        )
    if plan["unknown"]:
        parts.append(
            f"!! {many(plan['unknown'], 'row')} of those named: not cancelled by batch {of_batch}."
        )
    return "\n".join(parts).rstrip("\n")


def _line(one: Coming) -> str:
    place = (str(one.day or ""), plain(one.session or ""))
    return "  ".join(["", one.appointment_id, " ".join(word for word in place if word)]).rstrip()


def _figures(plan: Mapping[str, Any], rate: Rate) -> Iterator[Figure]:
    yield "rows", plan["rows"], "that the batch cancelled"
    if plan["restored"]:
        yield "restored already", plan["restored"], "nothing to do"
    if settled := plan["settled"] - plan["restored"]:
        yield "settled already", settled, "in the ledger; never sent again"
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

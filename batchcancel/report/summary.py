"""The summary of a run as text and as JSON, and what to type next."""

import re
import shlex
from dataclasses import dataclass
from typing import Any

from batchcancel.appointments import Fact, OutcomeName
from batchcancel.report.counts import Counts
from batchcancel.report.tables import count_table, duration, grouped, headed, many
from batchcancel.settings.quantities import is_rehearsal

_TOLD = (
    *("run_id", "duplicates", "moved_here", "requests", "rate_limited", "ledger", "origin"),
    "approval",
)

UNTOLD = "Nobody has told the patients, as far as is known: call them."
"""The API fires no webhooks for what is cancelled through it; more is not documented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a batch stands; `selection` is what its manifest was found by, and `reach` is what a
    command has to be told to ask the same API.

    `moved_here` are the moved rows that are still on a day of the manifest, `held_back` the waiting
    ones that nobody asked for, `left_out` those that were to be restored and that the batch never
    cancelled.
    """

    batch: str
    ledger: str
    counts: Counts
    restores: bool = False
    selection: str | None = None
    moved_here: int = 0
    reach: str = ""
    left_out: int = 0
    held_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary(Standing):
    """What a run did, and where its batch stands; `elapsed_s` is in seconds."""

    run_id: str
    duplicates: int
    requests: int
    rate_limited: int
    elapsed_s: float
    exit_code: int
    origin: str
    approval: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The line for machines: counts first, no personal data."""
        told = {name: getattr(self, name) for name in _TOLD}
        rounded = {"elapsed_s": round(self.elapsed_s, 3), "exit_code": int(self.exit_code)}
        rehearsal = {"rehearsal": is_rehearsal(self.origin)}
        told |= {"in_doubt": self.counts.in_doubt}
        return {"batch": self.batch, **self.counts.as_json(), **told, **rounded, **rehearsal}


def summary_text(summary: Summary) -> str:
    """What a run did and where its batch stands."""
    counts = summary.counts
    told = headline(counts, restores=summary.restores)
    head = headed(summary.origin, f"Batch {summary.batch}: {told}")
    foot = (
        f"  {many(summary.requests, 'request')}, {grouped(summary.rate_limited)} refused by the "
        f"rate limit, {duration(summary.elapsed_s)}; ledger {summary.ledger}"
    )
    return "\n".join([head, "", *count_table(counts), "", foot])


def headline(counts: Counts, *, restores: bool = False) -> str:
    """How many rows of all are done."""
    done = counts[OutcomeName.RESTORED] if restores else counts.with_fact(Fact.GONE)
    how = "restored" if restores else "cancelled"
    return f"{grouped(done)} of {grouped(counts.rows)} rows are {how}"


def what_next(standing: Standing, command: str, *, was_stopped: bool) -> str:
    """What to type next, or that nothing is left."""
    counts, ledger, batch = standing.counts, shlex.quote(standing.ledger), standing.batch
    export = f"batchcancel export {ledger} --batch {shlex.quote(batch)} -o"
    lines = []
    if was_stopped:
        lines.append(f"To go on:       {command}")
    elif counts[OutcomeName.GAVE_UP] or counts.open or counts.waiting > standing.held_back:
        lines.append(f"To try again:   {command}")
    elif counts.waiting:
        lines.append(f"Held back:      {grouped(counts.waiting)}; the same command without --limit")
    if not was_stopped and (no := counts[OutcomeName.NOT_FOUND] + counts[OutcomeName.REFUSED]):
        lines.append(f"Final:          {grouped(no)}; the same command with --retry-refused")
    if standing.left_out:
        rows = many(standing.left_out, "row")
        lines.append(f"Left alone:     {rows} of those named; the batch did not cancel them")
    if counts.are_all_marked_done:
        lines.append(
            "All are done:   by the manifest's column outcome; without it they are decided"
        )
    if persons := counts.to_resolve:
        still = f" ({grouped(standing.moved_here)} moved within the manifest's days)"
        here = still if standing.moved_here else ""
        each = "it" if persons == 1 else "each of them"
        lines += [
            f"To decide:      {many(persons, 'row')}; somebody must look at {each}{here}:",
            f"                {export} look.csv --outcome needs_review --outcome skipped",
            f"                batchcancel resolve {ledger} --batch {batch} --as kept ID ...",
        ]
    if uncancelled := _uncancelled(counts, was_stopped=was_stopped):
        flags = " ".join(f"--outcome {name}" for name in uncancelled)
        what = "restored:" if standing.restores else "cancelled:"
        is_doubted = counts.in_doubt and {"gave_up", "open"} & {*uncancelled}
        label = f"Not proved {what}" if is_doubted else f"Not {what}"
        lines.append(f"{label:<15} {export} left.csv {flags}")
    if standing.selection and not was_stopped:
        lines.append(f"Booked since:   {sweep(batch, standing.selection, ledger)}{standing.reach}")
    lines = lines or ["Nothing is left to do."]
    page = f"A page of it:   {export.replace(' export ', ' report ', 1)} report.html"
    return "\n".join([*lines, *_whom(standing, export), *([page] if counts.rows else [])])


def _whom(standing: Standing, export: str) -> list[str]:
    if standing.restores and standing.counts[OutcomeName.RESTORED]:
        return [f"Whom to tell:   {export} tell.csv --contacts{standing.reach}"]
    if not standing.counts[OutcomeName.CANCELLED]:
        return []
    return [
        f"Patients:       {UNTOLD}",
        f"Whom to call:   {export} call.csv --contacts{standing.reach}",
    ]


def _uncancelled(counts: Counts, *, was_stopped: bool) -> list[str]:
    """The states that no further run of the same command changes; once stopped, all there are."""
    final = Fact(0) if was_stopped else Fact.FINAL | Fact.PERSON
    found = [
        name.value
        for name in OutcomeName
        if counts[name] and final in name.facts and Fact.GONE not in name.facts
        if name is not OutcomeName.RESTORED
    ]
    found += ["skipped"] if counts.skipped and not was_stopped else []
    if was_stopped:
        found += [name for name in ("waiting", "open") if getattr(counts, name)]
    return found


def sweep(batch: str, selection: str, ledger: str) -> str:
    """To find what was booked since, into a file of its own: after a sweep that of the next one."""
    found = re.fullmatch(r"sweep(?:-([0-9]{1,4}))?", batch)
    name = f"sweep-{int(found[1] or 1) + 1}.csv" if found else "sweep.csv"
    return f"batchcancel find -o {name} {selection} --not-in {ledger}"

"""The summary of a run as text and as JSON, and what to type next."""

import re
import shlex
from dataclasses import dataclass
from typing import Any

from batchcancel.appointments import Fact, OutcomeName
from batchcancel.report.counts import Counts
from batchcancel.report.tables import count_table, duration, grouped


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
    approval: str | None = None
    restores: bool = False
    selection: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The line for machines: counts first, no personal data."""
        return {
            "batch": self.batch,
            "run_id": self.run_id,
            **self.counts.as_json(),
            "duplicates": self.duplicates,
            "requests": self.requests,
            "rate_limited": self.rate_limited,
            "elapsed_s": round(self.elapsed_s, 3),
            "exit_code": int(self.exit_code),
            "ledger": self.ledger,
            "approval": self.approval,
        }


def summary_text(summary: Summary) -> str:
    """What a run did and where its batch stands."""
    counts = summary.counts
    head = f"Batch {summary.batch}: {headline(counts, restores=summary.restores)}"
    foot = (
        f"  {grouped(summary.requests)} requests, {grouped(summary.rate_limited)} refused by the "
        f"rate limit, {duration(summary.elapsed_s)}; ledger {summary.ledger}"
    )
    return "\n".join([head, "", *count_table(counts), "", foot])


def headline(counts: Counts, *, restores: bool = False) -> str:
    """How many rows of all are done."""
    done = counts[OutcomeName.RESTORED] if restores else counts.with_fact(Fact.GONE)
    how = "restored" if restores else "cancelled"
    return f"{grouped(done)} of {grouped(counts.rows)} rows are {how}"


def what_next(summary: Summary, *, command: str, was_stopped: bool) -> str:
    """What to type next, or that nothing is left.

    A run that was stopped has not tried every row, so what was not cancelled is not told yet.
    """
    counts = summary.counts
    export = f"batchcancel export {shlex.quote(summary.ledger)} -o left.csv"
    lines = []
    if was_stopped:
        lines.append(f"To go on:       {command}")
    elif counts[OutcomeName.GAVE_UP] or counts.open:
        lines.append(f"To try again:   {command}")
    elif counts.waiting:
        lines.append(f"Held back:      {grouped(counts.waiting)}; the same command without --limit")
    if not was_stopped and (no := counts[OutcomeName.NOT_FOUND] + counts[OutcomeName.REFUSED]):
        lines.append(f"Final:          {grouped(no)}; the same command with --retry-refused")
    if counts.are_all_marked_done:
        lines.append(
            "All are done:  by the manifest's column outcome; without it they are decided on"
        )
    # Only what no further run of the same command changes; the rest is told above.
    final = Fact.FINAL | Fact.PERSON
    uncancelled = [name for name in OutcomeName if counts[name] and final in name.facts]
    uncancelled += [OutcomeName.SKIPPED] if counts.skipped else []
    if uncancelled and not was_stopped:
        flags = " ".join(f"--outcome {name}" for name in uncancelled)
        lines.append(f"Not cancelled:  {export} {flags} --batch {shlex.quote(summary.batch)}")
    if summary.selection and not was_stopped:
        sweep = f"batchcancel find -o {_sweep_of(summary.batch)} {summary.selection}"
        lines.append(f"Booked since?   {sweep} --not-in {shlex.quote(summary.ledger)}")
    return "\n".join(lines) or "Nothing is left to do."


def _sweep_of(batch: str) -> str:
    """A name for the manifest of what was booked since: after a sweep that of the next one."""
    found = re.fullmatch(r"sweep(?:-([0-9]{1,4}))?", batch)
    return f"sweep-{int(found[1] or 1) + 1}.csv" if found else "sweep.csv"

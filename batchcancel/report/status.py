"""The status of the batches in a ledger: what is happening, since when, and what to type next."""

import os
import shlex
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from batchcancel.addresses import redacted_ledger
from batchcancel.appointments import SkipReason
from batchcancel.errors import ExitCode, InputError
from batchcancel.ledger.contract import Batch, CancelledRow, RowRecord, Run
from batchcancel.ledger.questions import LedgerReader
from batchcancel.report.counts import Counts, counts_from
from batchcancel.report.summary import Standing, headline, what_next
from batchcancel.report.tables import count_table, grouped, headed, moment
from batchcancel.settings import quantities
from batchcancel.settings.options import BY_FIELD, again, from_here, reach

_TYPED_AGAIN = {"job_file", *BY_FIELD} - {
    *("approved", "json", "log_format", "progress", "limit", "quiet", "verbose", "dry_run"),
    *("ledger", "batch"),
}

_EARLIER = 3
_RESOLVES = "resolve-"


class Going(StrEnum):
    """What is happening with a batch."""

    NO_RUN = "no_run"
    RUNNING = "running"
    STANDING_STILL = "standing_still"
    BROKEN_OFF = "broken_off"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """One batch at a moment: its counts, its last run, and whether that is alive."""

    batch: Batch
    counts: Counts
    earlier: Sequence[Run]
    last: Run | None
    going: Going
    ledger: str
    at: datetime
    moved_here: int = 0
    had_notes: bool = False

    def text(self) -> str:
        told = headline(self.counts, restores=self.batch.kind == "restore")
        head = headed(self.batch.origin, f"Batch {self.batch.name} at {self.batch.origin}: {told}")
        return "\n".join([head, "", *count_table(self.counts), "", *self._story()])

    def _story(self) -> Iterator[str]:
        last, zone = self.last, zone_of(self.batch)
        if last is None:
            yield "  No run yet."
            return
        by = f"run {len(self.earlier) + 1} ({last.run_id}), pid {last.pid} on {last.host}"
        began = moment(last.started_at, zone)
        match self.going:
            case Going.RUNNING:
                # Rows that another run would take up; trouble makes the end later.
                left = self.counts.waiting + self.counts.open + self.counts["gave_up"]
                seconds = _seconds_for(left, last)
                end = self.at + timedelta(seconds=seconds or 0)
                until = (
                    f", at the earliest until {moment(end, zone)}" if seconds is not None else ""
                )
                yield f"  Running: {by}, since {began}; {grouped(left)} rows left{until}."
            case Going.STANDING_STILL:
                yield f"  Standing still: {by}, begun {began}, is there, but writes nothing."
                yield "  It was suspended (Ctrl-Z), or its disk or database does not answer."
            case Going.BROKEN_OFF:
                yield f"  Broken off: {by}, begun {began}, is not alive any more."
                yield "  No end was written: it was killed, or lost its power or its ledger."
            case _:
                ended = "" if last.ended_at is None else moment(last.ended_at, zone)
                why = f": {last.why}" if last.why else ""
                yield f"  Ended {ended} with exit code {last.exit_code}{why}."
                yield f"  It was {by}, begun {began}."
        if told := [_how_ended(*one) for one in enumerate(self.earlier, start=1)]:
            yield f"  Before: {'; '.join(told[-_EARLIER:])}."
        yield f"\n{self.next}"

    @property
    def next(self) -> str:
        """What to type next."""
        if self.going is Going.RUNNING:
            return f"To watch it:    batchcancel status {shlex.quote(self.ledger)} --watch"
        if self.going is Going.STANDING_STILL and self.last:
            return f"To wake it:     kill -CONT {self.last.pid}"
        code = self.last and self.last.exit_code
        was_stopped = self.going is not Going.ENDED or code not in (0, ExitCode.INCOMPLETE)
        standing = Standing(
            batch=self.batch.name, ledger=self.ledger, counts=self.counts,
            restores=self.batch.kind == "restore", selection=self.batch.selection,
            moved_here=self.moved_here, reach=self.reach,
            held_back=self.counts.waiting if "limit" in _options(self.last) else 0,
        )  # fmt: skip
        command = self.command if was_stopped or self.counts.left else ""  # costs 1 ms
        told = what_next(standing, command, was_stopped=was_stopped)
        if was_stopped and not standing.restores:
            told = f"Look first:     {self._same('plan')}\n{told}"
        keeps = _options(self.last)
        is_in_job = "job_file" in keeps and "notes" not in keeps.get("typed", "").split(",")
        if self.had_notes and self.counts.left and not is_in_job:
            told += "\nNotes:          type the same --notes again; the ledger does not keep them"
        return told

    @property
    def command(self) -> str:
        """The command of the last run, as far as the ledger keeps what it was told."""
        return self._same("run")

    def _same(self, verb: str) -> str:
        told, own = _options(self.last), []
        fields = _TYPED_AGAIN if verb == "run" else _TYPED_AGAIN - {"yes"}
        if self.batch.kind == "restore":
            words = ["restore", self.ledger, "--batch", str(self.batch.of_batch)]
            told.pop("status", None)  # which a restore does not take
            own = shlex.split(told.get("how", ""))
        else:
            manifest = from_here(told.get("manifest", "MANIFEST"))
            beside = Path(manifest).with_name(f"{Path(manifest).stem}.ledger.db")
            words = [verb, manifest]
            if os.path.abspath(self.ledger) != os.path.abspath(beside):  # noqa: PTH100 - asks no disk
                words += ["--ledger", self.ledger]
            if self.batch.name != Path(manifest).stem:
                words += ["--batch", self.batch.name]
        return f"batchcancel {shlex.join([*words, *again(told, fields), *own])}"

    @property
    def reach(self) -> str:
        """What a command has to be told to ask the same API as the last run."""
        return reach(_options(self.last))

    def as_json(self) -> dict[str, Any]:
        last = self.last
        ended_at = last and last.ended_at
        return {
            "batch": self.batch.name,
            "origin": self.batch.origin,
            "rehearsal": quantities.is_rehearsal(self.batch.origin),
            **self.counts.as_json(),
            "duplicates": self.batch.duplicates,
            "moved_here": self.moved_here,
            "in_doubt": self.counts.in_doubt,
            "state": self.going.value,
            "runs": len(self.earlier) + (self.last is not None),
            **{name: last and getattr(last, name) for name in ("run_id", "pid", "host", "why")},
            "began_at": last and last.started_at.isoformat(),
            "ended_at": ended_at and ended_at.isoformat(),
            "last_exit_code": last and last.exit_code,
            "next": self.next,
            "ledger": self.ledger,
        }


def _how_ended(number: int, run: Run) -> str:
    if run.exit_code is None:
        return f"run {number} was broken off"
    return f"run {number} ended with {run.exit_code}" + (f": {run.why}" if run.why else "")


def _options(run: Run | None) -> dict[str, str]:
    kept = (run.options if run else None) or {}
    return {name: str(told) for name, told in kept.items() if told is not None}


def zone_of(batch: Batch) -> ZoneInfo | None:
    """The clinic's timezone, where the ledger keeps one that this machine knows."""
    with suppress(KeyError, ValueError, OSError):
        return ZoneInfo(batch.timezone) if batch.timezone else None
    return None


def day_of(row: RowRecord | CancelledRow, zone: tzinfo | None) -> date | None:
    """The clinic's day of a row, whose pages should show it; in UTC where no zone is known."""
    return row.date or (row.starts_at and row.starts_at.astimezone(zone or UTC).date())


def moved_here(account: LedgerReader, name: str, counts: Counts) -> int:
    """How many of the moved rows are still on a day that the batch's manifest names."""
    if not counts.to_resolve or (batch := account.batch(name)).kind == "restore":
        return 0
    zone = zone_of(batch)
    days: set[date | None] = set()
    moved: set[str | None] = set()
    for row in account.rows(name):
        days.add(day_of(row, zone))
        if row.reason == SkipReason.MOVED:
            moved.add(row.appointment_id)
    seen = account.observations(name)
    return sum(one.appointment_id in moved and one.date in days for one in seen)


def _seconds_for(rows: int, run: Run) -> float | None:
    """By the rate of the run; None where it has none."""
    with suppress(ValueError, KeyError):
        rate = quantities.rate(_options(run)["rate"])
        return None if rate.is_unlimited else rate.seconds_for(rows)
    return None


def read_status(
    account: LedgerReader, *, only: str | None, ledger: str, at: datetime, most: int | None = None
) -> list[BatchStatus]:
    """The latest batches first, or the named one; `InputError` when there is no such batch."""
    batches = _named(account, only)[::-1][:most]
    names = [one.name for one in batches]
    runs, tallies = account.runs_of_each(names), account.tally_of_each(names)
    return [
        _batch_status(
            account, one, runs[one.name], counts_from(tallies[one.name]), ledger=ledger, at=at
        )
        for one in batches
    ]


def _named(account: LedgerReader, only: str | None) -> list[Batch]:
    batches = [one for one in account.batches() if only in (None, one.name)]
    if only is not None and not batches:
        names = ", ".join(one.name for one in account.batches()) or "none"
        raise InputError(f"the ledger has no batch {only}", hint=f"It has: {names}.")
    return batches


def the_batch(account: LedgerReader, wanted: str | None, *, ledger: str) -> str:
    """The name of the batch that is meant: the only one, where none is named.

    A restore of it is no other one. Raises `InputError` where it is not clear, or not there.
    """
    batches = account.batches()
    if not batches:
        raise InputError(
            f"{redacted_ledger(ledger)} holds no batch yet",
            hint="A run puts one in: batchcancel run closure.csv",
        )
    if wanted is not None:
        _named(account, wanted)
        return wanted
    first, *others = [one.name for one in batches if one.kind != "restore"] or [batches[0].name]
    if others:
        raise InputError(
            f"{redacted_ledger(ledger)} has {len(batches)} batches",
            hint=f"Name one with --batch: {', '.join(one.name for one in batches)}.",
        )
    return first


def _batch_status(
    account: LedgerReader, batch: Batch, runs: Sequence[Run], counts: Counts, *, ledger: str,
    at: datetime,
) -> BatchStatus:  # fmt: skip
    # What a person decided meanwhile is no run, and says nothing of what is left.
    runs = [one for one in runs if not one.run_id.startswith(_RESOLVES)]
    last = runs[-1] if runs else None
    is_alive = last is not None and last.ended_at is None and account.is_held(batch.name)
    going = Going.NO_RUN if last is None else _going(last, is_held=is_alive)
    # Where a run is alive its batch is asked again and again, and this reads every row.
    here = moved_here(account, batch.name, counts) if going is Going.ENDED else 0
    # Asked only where something is left to type: there may be thousands of batches.
    looks = account.looks(batch.name) if counts.left else ()
    plans = [one.found for one in looks if one.kind == "plan"]
    return BatchStatus(
        batch=batch, counts=counts, earlier=runs[:-1], last=last, going=going, ledger=ledger, at=at,
        moved_here=here, had_notes=bool(plans and plans[-1].get("notes")),
    )  # fmt: skip


def _going(run: Run, *, is_held: bool) -> Going:
    """Who is suspended writes no heartbeat; who was killed left a lease that lasts a while yet."""
    if run.ended_at is not None:
        return Going.ENDED
    is_here = run.pid is not None and run.host == socket.gethostname()
    if is_held:
        return Going.BROKEN_OFF if is_here and not _exists(run.pid or 0) else Going.RUNNING
    return Going.STANDING_STILL if is_here and _is_ours(run.pid or 0) else Going.BROKEN_OFF


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)  # else another user's
    return True


def _is_ours(pid: int) -> bool:
    """Not merely of that number; False where the system does not tell."""
    with suppress(OSError):
        return b"batchcancel" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False

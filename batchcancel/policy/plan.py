"""The plan: every row of a manifest decided at once, with counts, order and duration."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

import polars as pl

from batchcancel.api import Rate
from batchcancel.appointments import (
    Appointment,
    Outcome,
    OutcomeName,
    Said,
    SkipReason,
    Start,
)
from batchcancel.errors import Refusal
from batchcancel.ledger.contract import Batch
from batchcancel.policy.earlier_runs import EarlierRuns, is_among
from batchcancel.policy.named import SAID
from batchcancel.policy.notice import NoticePolicy
from batchcancel.policy.observed import PLACE, Observed, mostly_moved
from batchcancel.policy.open_windows import NOT_LOOKED, OpenWindows
from batchcancel.policy.pace import Pace
from batchcancel.policy.rules import Rules
from batchcancel.reader.beside import left_join
from batchcancel.reader.manifest import Manifest
from batchcancel.reader.times import STARTS, UTC_TIME, start_of
from batchcancel.settings.approval import Approval
from batchcancel.settings.quantities import Cap

_NAMES = {name.value: name for name in OutcomeName}
_TAKEN_UP = (
    *("appointment_id", *STARTS, "notes", "opened_at", "attempts", "marked"),
    *("page", "observed_at", "is_missed", "was_cancelled", *SAID, *PLACE, "may_send"),
)

_OPENED = {"appointment_id": pl.String(), "attempts": pl.Int64(), "opened_at": UTC_TIME}

FEW = 20
"""Where so many rows are observed, and most of them seem moved, the manifest is doubted instead."""


class Place(NamedTuple):
    """So many rows would be cancelled there; by the record where it was seen, else by the row."""

    day: date | None
    session: str | None
    branch_id: str | None
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every row of the manifest counts once: eligible, held back, skipped, rejected, settled, or
    ended by what was observed: already cancelled, or alive again and for a person to look at.

    `eligible` includes `open` rows, which are read back before anything is sent. `seconds` is how
    long the requests take at this rate, and `will_miss` how many rows are past their deadline by
    then. Rows whose start is looked up count as eligible. `spent` is how many rows of the batch are
    settled, whether this manifest still names them or not: caps count the batch. `let_through` are
    those and the rows to be cancelled, where others are held back; else it is empty.
    """

    rows: int
    duplicates: int
    rejected_rows: int
    eligible: int
    held_back: int
    skipped: Mapping[SkipReason, int]
    already_cancelled: int
    needs_review: int
    settled: int
    spent: int
    open: int
    look_ups: int
    first_start: Start | None
    first_deadline: datetime | None
    last_start: Start | None
    requests: int
    seconds: float
    will_miss: int
    places: Sequence[Place]
    let_through: Sequence[str] = field(repr=False)
    work: pl.DataFrame = field(repr=False)
    ended: pl.DataFrame = field(repr=False)

    def appointments(self) -> Iterator[Appointment]:
        """The eligible rows, soonest deadline first, made one by one as they are taken up."""
        said = cache(Said)  # one of each, of the few that a million rows have in common
        for row in self.work.select(_TAKEN_UP).iter_rows():
            one, earliest, latest, known_by, notes, opened_at, attempts, marked, *looked = row
            page, observed_at, is_missed, was_cancelled, *places, may_send = looked
            yield Appointment(
                appointment_id=one,
                start=start_of(earliest, latest, known_by),
                said=said(*places[:3]),
                seen=said(*places[3:]),
                page=page,
                observed_at=observed_at,
                is_missed=is_missed,
                notes=notes,
                opened_at=opened_at,
                attempts=attempts,
                is_marked=marked is not None,
                was_cancelled=was_cancelled and may_send is None,
                may_send=may_send,
            )

    def pages(self) -> dict[date, int]:
        """How many eligible rows each day's pages have shown."""
        shown = self.work.drop_nulls("page").group_by("page").len()
        return dict(shown.iter_rows())

    def perhaps_sent(self) -> list[str]:
        """Rows that were not sent as far as is known, and are in doubt: the ledger went back."""
        is_so = pl.col("opened_at").is_not_null() & (pl.col("attempts") == 0)
        return self.work.filter(is_so).get_column("appointment_id").to_list()

    def endings(self) -> Iterator[tuple[str, Outcome]]:
        """The rows that need no request, with their outcomes."""
        for appointment_id, outcome, reason in self.ended.iter_rows():
            yield appointment_id, Outcome(_NAMES[outcome], reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, what it was made from, and the approval that is for it alone.

    `windows` are those in which any row of the batch lies. `branches` has the clinic's own names
    of branches, by their ids. `restored` are those of the settled rows that were put back.
    """

    plan: Plan
    approval: Approval
    batch: Batch
    manifest: Manifest
    rules: Rules
    rate: Rate
    limit: int | None
    observed: Observed
    at: datetime
    windows: OpenWindows = NOT_LOOKED
    branches: Mapping[str, str] = field(default_factory=dict)
    restored: int = 0


def make_plan(
    manifest: Manifest,
    *,
    policy: NoticePolicy,
    pace: Pace,
    earlier: EarlierRuns,
    limit: int | None = None,
    approved: int | None = None,
    observed: Observed | None = None,
) -> Plan:
    """Decide on every row now: by what was observed first, then by the notice policy.

    `limit` counts the batch, not this run or this manifest. So the same canary run twice sends
    nothing the second time, and what a changed manifest no longer names has still taken its place.
    So does `approved`, the number that was: those it lets through are told by `let_through`.
    """
    columns = ("appointment_id", *STARTS, "session", "branch_id", "notes", "marked")
    rows = _undone(manifest.frame.select(columns), earlier)
    rest = _decided(rows, policy=policy, now=pace.now, observed=observed or Observed())
    # An open row is taken up whatever the policy says: its result has to be read back.
    is_eligible = pl.col("outcome").is_null() | pl.col("opened_at").is_not_null()
    # Soonest deadline first, so that few miss theirs; rows are in their ids' order: none is chance.
    eligible = rest.filter(is_eligible).sort("deadline", nulls_last=True, maintain_order=True)
    spent = len(earlier.settled_ids)
    work = _canary(eligible, limit, spent)
    let_through = _canary(eligible, limit if approved is None else approved, spent)
    named = let_through.get_column("appointment_id")
    is_read = _is_read(policy)
    work = pace.turns(work, is_read=is_read)
    ended = rest.filter(~is_eligible).select("appointment_id", "outcome", "reason")
    counts = dict(ended.group_by("outcome").len().iter_rows())
    requests = int(work["cost"].sum())
    return Plan(
        rows=manifest.rows,
        duplicates=manifest.duplicates,
        rejected_rows=len(manifest.rejected),
        eligible=work.height,
        held_back=eligible.height - work.height,
        skipped=_skipped(ended),
        already_cancelled=counts.get(OutcomeName.ALREADY_CANCELLED.value, 0),
        needs_review=counts.get(OutcomeName.NEEDS_REVIEW.value, 0),
        settled=manifest.frame.height - rest.height,
        spent=spent,
        open=work["opened_at"].count(),
        look_ups=work.filter(is_read).height,
        first_start=_first(work.bottom_k(1, by="starts_at")),
        last_start=_first(work.top_k(1, by="latest_start")),
        first_deadline=next(iter(work.get_column("deadline").drop_nulls()), None),
        requests=requests,
        seconds=pace.seconds_for(requests),
        will_miss=work.filter(pl.col("deadline") < pl.col("send_at")).height,
        places=_places(work),
        let_through=sorted({*earlier.settled_ids, *named}) if len(named) < eligible.height else (),
        work=work,
        ended=ended,
    )


def _decided(
    rows: pl.DataFrame, *, policy: NoticePolicy, now: datetime, observed: Observed
) -> pl.DataFrame:
    """Add `deadline`, and the `outcome` and `reason` of rows that are not to be cancelled."""
    seen = observed.beside(observed.with_starts(rows))
    is_marked = pl.col("marked").is_not_null()
    marked = pl.when(is_marked).then(pl.lit(SkipReason.MARKED_DONE.value))
    by_policy = pl.coalesce(marked, policy.skip_reasons(now=now)).cast(pl.Categorical)
    # What the appointment is comes before what the manifest says of it, and before when it is.
    is_skipped = pl.col("outcome").is_null() & by_policy.is_not_null()
    skipped = pl.lit(OutcomeName.SKIPPED.value, pl.Categorical)
    return seen.with_columns(
        policy.deadlines().alias("deadline"),
        outcome=pl.when(is_skipped).then(skipped).otherwise("outcome"),
        reason=pl.when(is_skipped).then(by_policy).otherwise("reason"),
    )


def _places(work: pl.DataFrame) -> list[Place]:
    where = [
        pl.coalesce("observed_date", "said_day").alias("day"),
        pl.coalesce("observed_session", "session").cast(pl.String).alias("session"),
        pl.coalesce("observed_branch", "branch_id").cast(pl.String).alias("branch_id"),
    ]
    counted = work.group_by(where).agg(begins=pl.col("starts_at").min(), rows=pl.len())
    in_order = counted.sort("day", "begins", "session", "branch_id", nulls_last=True)
    return [Place(*row) for row in in_order.drop("begins").iter_rows()]


def _skipped(ended: pl.DataFrame) -> dict[SkipReason, int]:
    """How many rows are skipped for each reason, in the order in which reasons count."""
    skips = ended.filter(pl.col("outcome") == OutcomeName.SKIPPED.value)
    counts = dict(skips.group_by("reason").len().iter_rows())
    return {reason: counts[reason.value] for reason in SkipReason if reason.value in counts}


def _undone(rows: pl.DataFrame, earlier: EarlierRuns) -> pl.DataFrame:
    opened = pl.DataFrame(earlier.open_rows, schema=_OPENED, orient="row")
    rows = rows.filter(~is_among(earlier.settled_ids)) if earlier.settled_ids else rows
    return left_join(rows, opened, ["appointment_id"]).with_columns(pl.col("attempts").fill_null(0))


def _first(rows: pl.DataFrame) -> Start | None:
    """The start of the first of a few rows; None where there is none."""
    return next((start_of(*row) for row in rows.select(STARTS).iter_rows()), None)


def _is_read(policy: NoticePolicy) -> pl.Expr:
    """Whether a row is read first: to read it back, to find it, or for its start."""
    is_open, has_start = pl.col("opened_at").is_not_null(), pl.col("starts_at").is_not_null()
    is_shown = (pl.col("attempts") == 0) & pl.col("observed_status").is_not_null()
    return is_open & ~is_shown | pl.col("is_missed") | ~has_start & policy.needs_start


def _canary(eligible: pl.DataFrame, limit: int | None, spent: int) -> pl.DataFrame:
    """What was sent, whose result must be learned, and the first of the others up to the limit."""
    if limit is None:
        return eligible
    is_open = pl.col("opened_at").is_not_null() & (pl.col("attempts") > 0)
    room = max(limit - spent - eligible.filter(is_open).height, 0)
    return eligible.filter(is_open | ((~is_open).cum_sum() <= room))


def refuse_above_cap(plan: Plan, max_cancel: Cap | None) -> None:
    """Raise `Refusal` when the batch would cancel more than `--max-cancel` allows."""
    if max_cancel is None:
        return
    most, wanted = max_cancel.rows_allowed(plan.rows), plan.eligible + plan.spent
    if wanted > most:
        before = f", {plan.spent} of them in earlier runs," if plan.spent else ","
        raise Refusal(
            f"the batch would cancel {wanted} appointments{before} more than the {most} "
            f"that --max-cancel {max_cancel} allows",
            hint="Check the manifest; if it is right, raise --max-cancel. Nothing was sent.",
        )


def refuse_if_mostly_moved(planned: Planned) -> None:
    """Raise `Refusal` where more than half of twenty or more rows seem moved.

    Then rather a column of the manifest means something else. Rows that are settled were not.
    """
    plan, observed = planned.plan, planned.observed
    moved = plan.skipped.get(SkipReason.MOVED, 0)
    rows = observed.seen.height + plan.settled
    if rows < FEW or moved * 2 <= rows:
        return
    what, column = mostly_moved(observed, planned.manifest.columns.used)
    raise Refusal(
        f"{moved} of {rows} appointments are on another {what} now than the manifest says",
        hint=f"Is `{column}` the {what} of the appointment? If not: --ignore-column {column}. "
        "If so, they were moved, and that would cancel them where they are now: make a new "
        "manifest, without them, and let somebody look at them. Nothing was sent.",
    )

"""Observe, then decide: what the API shows of the rows of a manifest before a plan is made."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from functools import partial

import polars as pl

from batchcancel.api import Ask, Lookup, Record
from batchcancel.appointments import KnownBy, OutcomeName
from batchcancel.clock import ServerClock
from batchcancel.errors import ScopeMissing
from batchcancel.events import Caution
from batchcancel.ledger.contract import LeftAlone
from batchcancel.policy.earlier_runs import EarlierRuns, is_among, is_in_doubt
from batchcancel.policy.named import SAID, by_day, comparable, days_beside, named_by
from batchcancel.policy.observed import CANCELLED, NO_STARTS, PLACE, Observed
from batchcancel.policy.pages import Budget, Reading
from batchcancel.policy.rules import Rules
from batchcancel.policy.starts import Starts
from batchcancel.reader.manifest import Manifest
from batchcancel.reader.start_columns import known_starts

_PLACE = (*PLACE, "observed_label")

NOT_OBSERVED = Caution(
    code="not_observed",
    text="the appointments could not be read, so nobody knows whether some were moved, completed "
    "or cancelled since the manifest was written",
)


async def observed_of(
    manifest: Manifest,
    earlier: EarlierRuns,
    *,
    rules: Rules,
    lookup: Lookup,
    starts: Starts,
    clock: ServerClock,
    statuses: Collection[str],
    approved_at: datetime | None,
    halt_after: int,
) -> Observed:
    """Read the rows that are not settled, as far as the budget goes.

    Raises `ScopeMissing` where the key may not read what a decision needs, and `StoppedEarly` where
    it seems to be another clinic's.
    """
    began, rows = clock.earliest(), _to_be_seen(manifest.frame, earlier)
    named, budget = named_by(rows, rules.timezone), Budget.for_rows(rows.height)
    to_read = named if rules.may_read else named.clear()
    reading = Reading(
        by_day=by_day(to_read), beside=days_beside(to_read), lookup=lookup, now=clock.now,
        days_of=partial(_days_of, starts=starts), budget=budget, halt_after=halt_after,
        also={*earlier.not_found},
    )  # fmt: skip
    if rules.may_read:
        await reading.read()
    _require_starts(rows, rules)
    in_doubt = named_by(manifest.frame.filter(is_in_doubt(earlier)), rules.timezone)
    named = pl.concat([named, in_doubt])  # which is held against the manifest when it is read back
    named, cautions = await comparable(named, reading.words, lookup=lookup, budget=budget)
    seen = reading.records.frame()
    return Observed(
        named=named,
        seen=seen,
        missed=reading.missed,
        left=_left_alone(earlier, reading),
        before=earlier.seen_open,
        may_be_read=reading.is_possible,
        decided=earlier.decided,
        statuses=statuses,
        approved_at=approved_at,
        budget=budget,
        days=reading.days,
        began=began,
        starts=await _starts_seen(manifest, seen, rules=rules, starts=starts, now=clock.latest()),
        not_shown=reading.not_shown,
        absent=len(reading.absent),
        cautions=(*_cautions(reading), *cautions, *_untold(named, seen)),
    )


def _require_starts(rows: pl.DataFrame, rules: Rules) -> None:
    has_starts = rules.may_read or rows.get_column("starts_at").null_count() == 0
    if rules.policy.needs_start and not has_starts:
        raise ScopeMissing(Ask.READ.scope, hint=Ask.READ.without_scope)


async def _days_of(record: Record, *, starts: Starts) -> Iterable[date]:
    """The days of the API's searches, which begin at midnight in UTC, that may show a record."""
    try:
        start = await starts.of_record(record)
    except ScopeMissing:
        start = None
    ends = () if start is None else (start.earliest.date(), start.latest.date())
    return dict.fromkeys(day for day in (record.date, *ends) if day is not None)


def _left_alone(earlier: EarlierRuns, reading: Reading) -> list[LeftAlone]:
    """How rows stand that were seen cancelled before, in this reading too: one may be alive again.

    Whoever is seen in the end is judged by that.
    """
    already = OutcomeName.ALREADY_CANCELLED.value
    left = {one.appointment_id: one for one in earlier.left_alone}
    left |= {one: LeftAlone(one, already, None) for one in reading.records.ever(CANCELLED)}
    return list(left.values())


def _to_be_seen(frame: pl.DataFrame, earlier: EarlierRuns) -> pl.DataFrame:
    """Rows in doubt are not among them: each of them is read when its turn comes.

    Nor are those that the manifest marks as done: nothing will be sent for them. What was left
    alone comes first: it is read in any case.
    """
    is_known = is_among(earlier.settled_ids) | is_in_doubt(earlier)
    is_left = is_among([row.appointment_id for row in earlier.left_alone])
    rows = frame.filter(pl.col("marked").is_null(), ~is_known)
    return rows.sort(~is_left, maintain_order=True) if earlier.left_alone else rows


async def _starts_seen(
    manifest: Manifest, seen: pl.DataFrame, *, rules: Rules, starts: Starts, now: datetime
) -> pl.DataFrame:
    """The starts that records tell of rows whose manifest gives no exact one.

    The record knows best when it begins, for it has the batch label. Where no notice is in
    force it matters only for a day that is over: a session of it may last longer.
    """
    if rules.timezone is None:
        return NO_STARTS
    is_open = (pl.col("start_known_by") != KnownBy.EXACT.value).fill_null(value=True)
    is_over = pl.col("observed_date") < now.astimezone(rules.timezone).date()
    is_over = pl.when(pl.col("starts_at").is_null()).then(is_over)
    rows = (
        manifest.frame.filter(is_open)
        .join(seen.filter(pl.col("observed_date").is_not_null()), on="appointment_id")
        .filter(rules.policy.needs_start | is_over.otherwise(pl.col("latest_start") < now))
        .with_columns(is_learned=pl.col("starts_at").is_null())
    )
    places = rows.select(_PLACE).unique().sort(_PLACE)
    try:
        found = [(*place, await starts.of_session(*place)) for place in places.iter_rows()]
    except ScopeMissing:
        # The calendar may not be read. Where the manifest names a day, that has to do.
        if rows.get_column("is_learned").any():
            raise
        return NO_STARTS
    known = known_starts(found, places.schema)
    return rows.join(known, on=_PLACE, nulls_equal=True).select(NO_STARTS.columns)


def _cautions(reading: Reading) -> Iterator[Caution]:
    if not reading.is_possible:
        yield NOT_OBSERVED
    if reading.is_cut_short:
        yield Caution(
            code="observed_late",
            text="the API did not show the appointments that it was asked for, so "
            f"{len(reading.missed)} of them are read when their turn comes, each with a request "
            "of its own",
        )
    if reading.also_there:
        yield Caution(
            code="not_found_before",
            text=f"{len(reading.also_there)} appointments that an earlier run did not find are "
            "there: --retry-refused sends them",
        )


def _untold(named: pl.DataFrame, seen: pl.DataFrame) -> Iterator[Caution]:
    """Where records leave open what the manifest names: then nobody knows whether it was moved."""
    bare = seen.filter(pl.any_horizontal(pl.col(PLACE).is_null())).select("appointment_id", *PLACE)
    both = named.select("appointment_id", *SAID).join(bare, on="appointment_id")
    for said, told, what in zip(SAID, PLACE, ("day", "session", "branch"), strict=True):
        if many := both.filter(pl.col(said).is_not_null(), pl.col(told).is_null()).height:
            yield Caution(
                code=f"no_{what}_told",
                text=f"the records of {many:,} appointments tell no {what} that can be read: it is "
                "not compared with what the manifest says",
            )

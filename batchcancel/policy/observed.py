"""The decision on what a record shows: its status, and whether it is where the manifest says.

Planning applies it to a whole table, sending to one row; both call `outcome_of`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl
from polars.selectors import by_name

from batchcancel.api import Record
from batchcancel.appointments import (
    Decided,
    KnownBy,
    Outcome,
    OutcomeName,
    Said,
    SkipReason,
    differ,
)
from batchcancel.events import Caution
from batchcancel.ledger.contract import Learned, LeftAlone, Observation
from batchcancel.policy.day_pages import DayPages
from batchcancel.policy.named import NAMED, SAID
from batchcancel.policy.pages import Budget
from batchcancel.policy.records import SEEN
from batchcancel.reader.beside import left_join
from batchcancel.reader.start_columns import FOUND, known_starts

CANCELLED, COMPLETED = "cancelled", "completed"
"""Statuses of the API that are never sent, whatever `--status` names."""

SENDABLE = ("confirmed", "rescheduled")
"""The statuses that are sent unless `--status` names others."""

ALIVE_AGAIN = "alive_again"
"""The reason for a person to look at what was cancelled by others when it was observed."""

_IN_WORDS = {"date": "day", "session": "session", "branch_id": "branch"}
_COLUMNS = {"date": ("starts_at", "appointment_date", "date")}
_PART = 50_000
_CANCELLED = OutcomeName.ALREADY_CANCELLED.value
_ID = {"appointment_id": pl.String()}
NO_STARTS = known_starts((), {**_ID, "is_learned": pl.Boolean()})
_LEFT = {
    **_ID,
    "left_outcome": pl.Categorical(),
    "left_reason": pl.Categorical(),
}
PLACE = ("observed_date", "observed_session", "observed_branch")
_THEN = ("may_send", "then_date", "then_session", "then_branch")
_DECIDED = {
    "appointment_id": pl.String(), "decision": pl.String(), "may_send": pl.String(),
    "then_date": pl.Date(), "then_session": pl.String(), "then_branch": pl.String(),
}  # fmt: skip
_SEEN = ("observed_status", *PLACE)
_WAY = (*SAID, *_SEEN, "was_cancelled", "is_changed", "decision", *_THEN)
_ENDINGS = pl.Schema(
    {"appointment_id": pl.String(), "outcome": pl.Categorical(), "reason": pl.Categorical()}
).to_frame()
_TEXTS = ("session", "branch_id", *SAID[1:], "observed_status", *PLACE[1:])


def has_moved(said: Said, record: Record) -> bool:
    """Whether it is on another day, session or branch than the manifest says."""
    return any(True for _ in what_moved(said, record))


def what_moved(said: Said, record: Record) -> Iterator[str]:
    """Name what differs, as the record's fields are called; what one leaves open does not."""
    if said.day is not None and record.date is not None and said.day != record.date:
        yield "date"
    if differ(said.session, record.session):
        yield "session"
    if differ(said.branch_id, record.branch_id):
        yield "branch_id"


def skip_of(said: Said, record: Record, *, statuses: Collection[str]) -> SkipReason | None:
    """Why a record is left alone for what it is; `statuses`, to the letter, are those to be sent.

    None of a cancelled one, wherever it is: it is an outcome of its own.
    """
    if record.status == CANCELLED:
        return None
    if record.status == COMPLETED:
        return SkipReason.COMPLETED
    if record.status not in statuses:
        return SkipReason.UNKNOWN_STATUS
    return SkipReason.MOVED if has_moved(said, record) else None


def outcome_of(
    said: Said,
    record: Record,
    *,
    statuses: Collection[str],
    was_cancelled: bool = False,
    is_changed: bool = False,
) -> Outcome | None:
    """How an appointment ends by its record alone; None when it is to be cancelled.

    `was_cancelled` says that others had cancelled it when it was observed before: somebody wants
    it alive again. `is_changed` says that it may have been left out when the run was approved.
    """
    if record.status == CANCELLED:
        return Outcome(OutcomeName.ALREADY_CANCELLED)
    reason = skip_of(said, record, statuses=statuses)
    if was_cancelled and reason is not SkipReason.COMPLETED:
        return Outcome(OutcomeName.NEEDS_REVIEW, ALIVE_AGAIN)
    reason = reason or (SkipReason.CHANGED_SINCE if is_changed else None)
    return None if reason is None else Outcome(OutcomeName.SKIPPED, reason)


def is_changed(updated_at: datetime | None, approved_at: datetime | None) -> bool:
    """Whether a record may be another than at the approval; it is not asked where None is given."""
    return approved_at is not None and (updated_at is None or updated_at >= approved_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is known of rows by looking.

    `named` holds what the manifest names of each, as far as it can be compared, `seen` what was
    seen. `missed` are rows that the pages of their day do not show; they are read when their turn
    comes. `left` are the endings of rows that earlier runs left alone for what they saw: they are
    read then too, and stand where nothing `may_be_read`. `before` is what those saw of rows in
    doubt. `statuses` are those to be sent; since `approved_at` no record may have changed. What a
    person `decided` holds as long as the record is as it was then.

    `days` are those whose pages were read, `budget` what is left, `starts` those that records tell
    of rows that give no exact one. `not_shown` counts rows that the pages of their day do not show,
    `absent` those that the API does not know. It `began` at the earliest at that moment.
    """

    named: pl.DataFrame = field(default_factory=NAMED.to_frame, repr=False)
    seen: pl.DataFrame = field(default_factory=SEEN.to_frame, repr=False)
    missed: Sequence[str] = ()
    left: Sequence[LeftAlone] = ()
    decided: Sequence[Decided] = ()
    before: Sequence[Observation] = ()
    may_be_read: bool = False
    statuses: Collection[str] = SENDABLE
    approved_at: datetime | None = None
    budget: Budget = field(default_factory=lambda: Budget(0))
    days: Mapping[date, DayPages] = field(default_factory=dict)
    began: datetime | None = None
    starts: pl.DataFrame = field(default_factory=NO_STARTS.clone, repr=False)
    not_shown: int = 0
    absent: int = 0
    cautions: tuple[Caution, ...] = ()

    def observations(self) -> Iterator[Observation]:
        """What was seen, as the ledger keeps it."""
        yield from map(Observation._make, self.seen.drop("page", "updated_at").iter_rows())

    def records(self, ids: Collection[str]) -> Iterator[Record]:
        """What was seen of some of the rows."""
        seen = self.seen.filter(pl.col("appointment_id").is_in(ids)) if ids else SEEN.to_frame()
        for one, status, *where, label, _at, _page, updated_at in seen.iter_rows():
            place = dict(zip(("date", "session", "branch_id"), where, strict=True))
            yield Record(
                appointment_id=one, status=status, label=label, updated_at=updated_at, **place
            )

    def learned(self) -> Iterator[Learned]:
        """The starts of rows whose manifest gives none."""
        rows = self.starts.filter("is_learned").select("appointment_id", FOUND[0], FOUND[2])
        for one, earliest, known_by in rows.iter_rows():
            yield Learned(appointment_id=one, starts_at=earliest, known_by=KnownBy(known_by))

    def with_starts(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Take over the starts that records tell; what proves that it has begun is the later."""
        start, latest, known_by = FOUND
        return (
            left_join(rows, self.starts, [*_ID])
            .with_columns(
                starts_at=pl.coalesce(start, "starts_at"),
                latest_start=pl.max_horizontal("latest_start", latest),
                start_known_by=pl.coalesce(known_by, "start_known_by"),
            )
            .drop(FOUND, "is_learned")
        )

    def beside(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add all that to rows of the manifest, and the `outcome` and `reason` it gives alone."""
        missed = pl.DataFrame({"appointment_id": self.missed}, schema=_ID)
        left = pl.DataFrame(self.left, schema=_LEFT, orient="row")
        named = self.named.select("appointment_id", *SAID)
        before = pl.DataFrame(self.before, schema=[*SEEN.items()][:7], orient="row")
        seen = pl.concat([self.seen, before], how="diagonal").drop("observed_label")
        decided = pl.DataFrame(self.decided, schema=_DECIDED, orient="row")
        for beside in (named, seen, missed.with_columns(is_missed=True), left, decided):
            rows = left_join(rows, beside, ["appointment_id"])
        is_left, is_approved = pl.col("left_outcome").is_not_null(), self.approved_at is not None
        must_be_seen = (is_left | is_approved) & self.may_be_read
        is_same = pl.col("updated_at") < pl.lit(self.approved_at, SEEN["updated_at"])
        # What a person saw and decided to have cancelled stands for what the manifest says, and is
        # read before it is sent; what is kept stands until it is seen.
        is_meant = ((pl.col("decision") == "cancel") & pl.col("may_send").is_not_null()).fill_null(
            value=False
        )
        is_kept = (pl.col("left_reason") == SkipReason.KEPT.value).fill_null(value=False)
        must_be_seen &= ~is_kept
        rows = rows.with_columns(
            *(
                pl.when(is_meant).then(then).otherwise(said).alias(said)
                for said, then in zip(SAID, _THEN[1:], strict=True)
            ),
            is_missed=is_meant
            | pl.col("observed_status").is_null() & must_be_seen
            | pl.col("is_missed").fill_null(value=False),
            was_cancelled=(pl.col("left_outcome") == _CANCELLED).fill_null(value=False),
            left_outcome=pl.when(is_kept | (not self.may_be_read)).then("left_outcome"),
            is_changed=is_same.fill_null(value=False).not_() & is_approved,
        )
        return _with_endings(rows, statuses=self.statuses)


def mostly_moved(observed: Observed, columns: Collection[str]) -> tuple[str, str]:
    """What differs most between the manifest and the records: in words, and the column's name."""
    rows = observed.beside(observed.seen.select("appointment_id"))
    moved = rows.filter(pl.col("reason") == SkipReason.MOVED.value)
    ways: Counter[str] = Counter()
    for *way, count in moved.group_by(*SAID, *_SEEN).len().iter_rows():
        said, record = _pair(way)
        ways.update(dict.fromkeys(what_moved(said, record), count))
    ((what, _),) = ways.most_common(1)
    possible = _COLUMNS.get(what, (what,))
    return _IN_WORDS[what], next((one for one in possible if one in columns), possible[-1])


def _with_endings(rows: pl.DataFrame, *, statuses: Collection[str]) -> pl.DataFrame:
    is_seen = pl.col("observed_status").is_not_null()
    # Part by part: joining on so many columns takes several times the room of the rows.
    seen = rows.filter(is_seen).select("appointment_id", *_WAY).iter_slices(_PART)
    endings = pl.concat([_ENDINGS, *(_endings(part, statuses) for part in seen)])
    return (
        left_join(rows, endings, ["appointment_id"])
        .with_columns(
            outcome=pl.when(is_seen).then("outcome").otherwise("left_outcome"),
            reason=pl.when(is_seen).then("reason").otherwise("left_reason"),
        )
        .drop("is_changed", "updated_at", "left_outcome", "left_reason", "decision", *_THEN[1:])
        # A million rows have few texts in common, and those are most of their weight.
        .with_columns(by_name(_TEXTS, require_all=False).cast(pl.Categorical))
    )


def _endings(rows: pl.DataFrame, statuses: Collection[str]) -> pl.DataFrame:
    """Each way in which rows stand is judged once: a million of them stand in few."""
    ways = rows.select(_WAY).unique()
    judged = [(*way, *_ending(way, statuses)) for way in ways.iter_rows()]
    schema = {**ways.schema, "outcome": pl.Categorical(), "reason": pl.Categorical()}
    known = pl.DataFrame(judged, schema=schema, orient="row")
    return left_join(rows, known, _WAY).select(_ENDINGS.columns)


def _ending(way: Sequence[Any], statuses: Collection[str]) -> tuple[str | None, str | None]:
    *way, was_cancelled, changed, decision, status, day, session, branch_id = way
    said, record = _pair(way)
    if decision is not None and status == record.status:
        if not has_moved(Said(day, session, branch_id), record) and decision == "kept":
            return OutcomeName.SKIPPED.value, SkipReason.KEPT.value
        if decision == "cancel":
            statuses, was_cancelled = {*statuses, status}, False
    outcome = outcome_of(
        said, record, statuses=statuses, was_cancelled=was_cancelled, is_changed=changed
    )
    return (None, None) if outcome is None else (outcome.name.value, outcome.reason)


def _pair(way: Sequence[Any]) -> tuple[Said, Record]:
    *said, status, day, session, branch_id = way
    record = Record(
        appointment_id="", status=status, date=day, session=session, branch_id=branch_id
    )
    return Said(*said), record

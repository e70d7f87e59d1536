"""What may be restored of what a batch cancelled: only what is as the batch left it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from batchcancel.api import Record
from batchcancel.appointments import Skip, SkipReason, Start
from batchcancel.ledger.contract import CancelledRow, OpenRow
from batchcancel.policy.back import Shown
from batchcancel.policy.notice import NoticePolicy
from batchcancel.policy.observed import CANCELLED
from batchcancel.policy.places import Place, Places

UNTIL_START = NoticePolicy(notice=timedelta(0))
"""What has begun is not restored; no notice is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row that a batch cancelled, with what was shown of it now.

    `opened` is its last intent to restore it, where that is in doubt; `place` is reserved for it.
    """

    row: CancelledRow
    start: Start | None = None
    shown: Shown | None = None
    opened: OpenRow | None = None
    place: Place | None = None

    @property
    def where(self) -> Record | CancelledRow:
        """Where it is: the ledger knows it as it was seen before it was cancelled."""
        return self.row if self.shown is None else self.shown.record


@dataclass(slots=True)
class Choice:
    """The rows to be restored, in their order, and why others are left alone."""

    work: list[Candidate] = field(default_factory=list)
    skipped: dict[str, SkipReason] = field(default_factory=dict)
    held_back: int = 0


def reason_by_ledger(row: CancelledRow, *, rescheduled_too: bool) -> SkipReason | None:
    """Why it is left alone whatever the API shows; a PATCH can set no other status but this."""
    if row.updated_at is None or row.previous_status not in ("confirmed", "rescheduled"):
        return SkipReason.UNKNOWN_BEFORE
    was_rescheduled = row.previous_status == "rescheduled"
    return SkipReason.WAS_RESCHEDULED if was_rescheduled and not rescheduled_too else None


def is_as_left(record: Record, updated_at: datetime | None) -> bool:
    """Whether nobody has touched it since this program cancelled it."""
    is_same = updated_at is not None and record.updated_at == updated_at
    return record.status == CANCELLED and is_same


async def choose(
    candidates: Iterable[Candidate], *, now: datetime, places: Places | None, room: int | None
) -> Choice:
    """Decide on each; those whose start comes first get the free places, and the first `room` go.

    What is in doubt is read back when its turn comes, whatever else speaks against it. Without
    `places` none are counted.
    """
    choice = Choice()
    for one in sorted(candidates, key=_turn):
        if one.opened is not None:
            choice.work.append(one)
        elif reason := _reason(one, now=now):
            choice.skipped[one.row.appointment_id] = reason
        elif room is not None and room <= 0:
            choice.held_back += 1
        elif places is None or (place := await places.reserve(one.where)):
            choice.work.append(one if places is None else replace(one, place=place))
            room = None if room is None else room - 1
        else:
            choice.skipped[one.row.appointment_id] = SkipReason.SLOT_TAKEN
    return choice


def _reason(one: Candidate, *, now: datetime) -> SkipReason | None:
    if one.shown is not None and not is_as_left(one.shown.record, one.row.updated_at):
        return SkipReason.CHANGED_SINCE
    decision = UNTIL_START.decide(one.start, now=now)
    return decision.reason if isinstance(decision, Skip) else None


def _turn(one: Candidate) -> tuple[datetime, str]:
    last = datetime.max.replace(tzinfo=UTC)
    return (last if one.start is None else one.start.earliest), one.row.appointment_id

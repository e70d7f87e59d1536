"""One cancelled appointment on its way back to confirmed: the counterpart of `cancel`."""

from datetime import datetime

from batchcancel.api import Answer, Ask, Meaning, Record
from batchcancel.appointments import (
    NOTHING_SAID,
    Appointment,
    Outcome,
    OutcomeName,
    Said,
    SkipReason,
)
from batchcancel.policy.observed import has_moved
from batchcancel.policy.places import Place, Places
from batchcancel.policy.restoring import Candidate, is_as_left
from batchcancel.pool.cancel import Cancellation, Means
from batchcancel.pool.exchange import Ended
from batchcancel.pool.proof import CHANGED, MOVED, is_touched, outcome_of_cancel

_CHANGED_SINCE = Outcome(OutcomeName.SKIPPED, SkipReason.CHANGED_SINCE)
_SLOT_TAKEN = Outcome(OutcomeName.SKIPPED, SkipReason.SLOT_TAKEN)
_UNNEEDED = (OutcomeName.SKIPPED, OutcomeName.NOT_FOUND, OutcomeName.REFUSED)


def outcome_of_restore(
    answer: Answer, *, opened_at: datetime, is_in_doubt: bool, seen: Said
) -> Outcome:
    """How an appointment ended by the answer to the last PATCH that was to confirm it.

    As `outcome_of_cancel`; `seen` is where it was when it was cancelled.
    """
    if answer.meaning is Meaning.PROVED and answer.record is not None:
        return _of_confirmed(answer.record, opened_at=opened_at, seen=seen)
    if answer.code == "SLOT_FULL" and answer.meaning is Meaning.REFUSED and not is_in_doubt:
        return _SLOT_TAKEN
    return outcome_of_cancel(answer, opened_at=opened_at, is_in_doubt=is_in_doubt)


def outcome_of_look(
    answer: Answer, *, opened_at: datetime | None, left_at: datetime | None, seen: Said
) -> Outcome | None:
    """How it ended by its record alone; None where it is as this program left it at `left_at`.

    `opened_at` is when our oldest intent in doubt was written, None if there is none.
    """
    record = answer.record
    if answer.meaning is Meaning.ABSENT and opened_at is None:
        return Outcome(OutcomeName.NOT_FOUND, answer.code)
    if answer.meaning is not Meaning.PROVED or record is None:
        return Outcome(OutcomeName.GAVE_UP, answer.code)
    if is_as_left(record, left_at):
        return None
    if record.status == Ask.RESTORE.status or opened_at is None:
        return _of_confirmed(record, opened_at=opened_at, seen=seen)
    is_touched_since = is_touched(record, since=opened_at)
    return Outcome(OutcomeName.NEEDS_REVIEW, CHANGED) if is_touched_since else _CHANGED_SINCE


def _of_confirmed(record: Record, *, opened_at: datetime | None, seen: Said) -> Outcome:
    if opened_at is None or not is_touched(record, since=opened_at):
        return _CHANGED_SINCE  # by somebody else, before we came
    if has_moved(seen, record):
        return Outcome(OutcomeName.NEEDS_REVIEW, MOVED)
    return Outcome(OutcomeName.RESTORED)


class Restoration(Cancellation):
    """Brings one appointment back, as far as answers prove it, where its place is free.

    Without `places` none are counted. `at` is when it was looked at for the plan.
    """

    ask = Ask.RESTORE

    def __init__(
        self, one: Candidate, means: Means, *, places: Places | None, at: datetime
    ) -> None:
        where, opened = one.where, one.opened
        is_unknown = one.row.is_moved and one.shown is None
        appointment = Appointment(
            appointment_id=one.row.appointment_id,
            start=one.start,
            seen=NOTHING_SAID if is_unknown else Said(where.date, where.session, where.branch_id),
            page=one.shown and one.shown.page,
            observed_at=at,
            is_missed=one.shown is None,
            opened_at=opened and opened.opened_at,
            attempts=opened.attempts if opened else 0,
        )
        super().__init__(appointment, means)
        self._left_at, self._where = one.row.updated_at, where
        self._place, self._places = one.place, places
        self._on_its_way: Place | None = None

    async def outcome(self) -> Outcome:
        try:
            outcome = await super().outcome()
            if self._places is not None and self._place is not None:
                if outcome.name in _UNNEEDED:
                    self._places.give_back(self._place)
                else:
                    self._places.take(self._place)
            return outcome
        finally:
            self._land()

    async def _attempt(self) -> Answer:
        if self._opened_at is not None and not self._is_read:
            await self._read()  # what is restored already needs no place
        if self._places is not None:
            self._land()  # or a count would wait for what waits for that count
            await self._require_place(self._places)
        return await super()._attempt()

    def _land(self) -> None:
        if self._places is not None and self._on_its_way is not None:
            self._places.land(self._on_its_way)
        self._on_its_way = None

    async def _require_place(self, places: Places) -> None:
        if self._place is None:
            self._place = await places.reserve(self._where)
        elif not await places.keeps(self._place):
            self._place = None
        if self._place is None:
            raise Ended(_SLOT_TAKEN)
        places.send(self._place)
        self._on_its_way = self._place

    def _by_answer(self, answer: Answer, opened_at: datetime) -> Outcome:
        is_in_doubt = self._opened_at is not None
        return outcome_of_restore(
            answer, opened_at=opened_at, is_in_doubt=is_in_doubt, seen=self._seen
        )

    def _by_record(self, answer: Answer) -> Outcome | None:
        return outcome_of_look(
            answer, opened_at=self._opened_at, left_at=self._left_at, seen=self._seen
        )

"""One appointment on its way to its outcome: PATCHes, and reads while it is in doubt."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from batchcancel.api import Answer, Ask, Meaning, Record, Request, Retry
from batchcancel.appointments import (
    Appointment,
    Decision,
    Outcome,
    OutcomeName,
    Said,
    Skip,
    SkipReason,
)
from batchcancel.errors import ScopeMissing
from batchcancel.ledger.contract import Learned
from batchcancel.policy.fresh import Fresh, Word
from batchcancel.policy.notice import NoticePolicy
from batchcancel.policy.observed import SENDABLE, has_moved
from batchcancel.policy.starts import Starts
from batchcancel.pool.exchange import Ended, Exchange, Write
from batchcancel.pool.proof import outcome_of_cancel, outcome_of_read
from batchcancel.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What cancelling takes; the same for every appointment.

    `statuses` are those to be sent, and no record that changed since `approved_at`.
    """

    exchange: Exchange
    retry: Retry
    policy: NoticePolicy
    starts: Starts
    writer: Writer
    fresh: Fresh
    statuses: Collection[str] = SENDABLE
    approved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """How far an appointment came that a full window stopped on its way.

    `needs_read` is None before its turn came. So many PATCHes and reads were sent that proved
    nothing. `page` is the number of the page whose word on it was heard.
    """

    needs_read: bool | None = None
    is_read: bool = False
    tries: int = 0
    reads: int = 0
    page: int | None = None
    has_record: bool = False
    updated_at: datetime | None = None


NOT_BEGUN = Begun()


class Cancellation:
    """Brings one appointment to its outcome, as far as answers prove it.

    While it is in doubt it is read before each PATCH; a read costs no attempt. `has_record` tells
    whether the API showed its record: then API and key work. `unread` is why it could not be read
    although it is in doubt. `updated_at` is that of the record that was shown last.
    """

    ask = Ask.CANCEL

    def __init__(self, appointment: Appointment, means: Means, begun: Begun = NOT_BEGUN) -> None:
        self.appointment_id = appointment.appointment_id
        self._appointment = appointment
        self._means = means
        self._number = appointment.attempts
        self._opened_at = appointment.opened_at
        self._seen = appointment.seen
        self._learns_start = appointment.start is None and means.policy.needs_start
        self._needs_read = begun.needs_read
        self._is_read = begun.is_read
        self._tries, self._reads = begun.tries, begun.reads
        word = None if begun.page is None else self._last_word()
        self._word = word if word is not None and word.page == begun.page else None
        self._outcome = Outcome(OutcomeName.GAVE_UP)
        self.has_record = begun.has_record
        self.unread: ScopeMissing | None = None
        self.updated_at = begun.updated_at

    def left(self) -> tuple[Appointment, Begun]:
        """How it stands, for a later slice of the same run."""
        begun = Begun(
            needs_read=self._needs_read, is_read=self._is_read, tries=self._tries,
            reads=self._reads, page=None if self._word is None else self._word.page,
            has_record=self.has_record, updated_at=self.updated_at,
        )  # fmt: skip
        one = replace(
            self._appointment, seen=self._seen, opened_at=self._opened_at, attempts=self._number
        )
        return one, begun

    async def outcome(self) -> Outcome:
        """Send what it takes. The trouble of the run is raised, that of the row returned."""
        try:
            if self._needs_read is None:
                is_in_doubt = self._opened_at is not None
                self._needs_read = (is_in_doubt and not self._is_shown()) or self._learns_start
                if not self._needs_read:
                    self._needs_read = await self._means.fresh.must_read(self._appointment)
                    self._is_read = is_in_doubt
            if self._needs_read:
                await self._read()
            self._take_last_word()  # without a wait for a permit, where it ends it
            await self._means.retry(self._attempt, self._tries)
        except Ended as ended:
            return self._unless_late(ended.outcome)
        return self._outcome

    def _unless_late(self, outcome: Outcome) -> Outcome:
        """What was sent a moment ago may be applied late: then the next run reads it, and skips."""
        is_skipped = outcome.name is OutcomeName.SKIPPED and outcome.reason != SkipReason.COMPLETED
        is_late = is_skipped and self._tries > 0
        return Outcome(OutcomeName.GAVE_UP, outcome.reason) if is_late else outcome

    async def _attempt(self) -> Answer:
        """One PATCH. Others may act between two, so a read is good for the next one only."""
        if self._opened_at is not None and not self._is_read:
            await self._read()
        one, number = self._appointment, self._number + 1
        is_in_doubt = self._opened_at is not None
        answer, left_at = await self._means.exchange.write(
            Request(ask=self.ask, appointment_id=one.appointment_id, notes=one.notes),
            Write(attempt=number, is_in_doubt=is_in_doubt, decide=self._decide),
        )
        self._number, self._is_read = number, False
        opened_at = self._opened_at or left_at
        self._outcome = self._by_answer(answer, opened_at)
        self._note(answer)
        if answer.meaning is Meaning.UNKNOWN:
            self._opened_at = opened_at
            self._tries += 1
        return answer

    def _by_answer(self, answer: Answer, opened_at: datetime) -> Outcome:
        """How it ended by the answer to its PATCH."""
        return outcome_of_cancel(
            answer, opened_at=opened_at, is_in_doubt=self._opened_at is not None,
            said=self._appointment.said, seen=self._seen,
        )  # fmt: skip

    def _note(self, answer: Answer) -> None:
        if answer.meaning is Meaning.PROVED and answer.record is not None:
            self.has_record, self.updated_at = True, answer.record.updated_at

    def _take_last_word(self) -> None:
        """Use what pages have shown since it was read; raises `Ended` where that ends it.

        Others may have it cancelled, completed or moved while it waits for its permit.
        """
        word = self._last_word()
        if word is None or word is self._word:
            return
        self._word, self.updated_at = word, word.record.updated_at
        self._judge(Answer(meaning=Meaning.PROVED, code="page", record=word.record))

    def _is_shown(self) -> bool:
        """Whether a page has shown it, where it was not sent as far as is known: that will do."""
        return self._number == 0 and self._last_word() is not None

    def _last_word(self) -> Word | None:
        return self._means.fresh.last_word(self.appointment_id)

    async def _read(self) -> None:
        """Read the record; raises `Ended` unless it shows that a PATCH may be sent."""
        answer = await self._answer_to_read()
        self._word = self._last_word()
        self._note(answer)
        self._judge(answer)
        self._is_read, self._needs_read = True, False
        if (record := answer.record) is not None and self._must_learn_start(record):
            await self._learn_start(record)

    def _must_learn_start(self, record: Record) -> bool:
        """Where no notice is in force it matters only whether its day is over."""
        return self._learns_start or (
            self._appointment.start is None
            and self._means.starts.is_over(record.date, now=self._means.exchange.latest())
        )

    def _judge(self, answer: Answer) -> None:
        """Raise `Ended` unless what was shown of it says that a PATCH may be sent.

        It is to be sent as it was seen; the next run decides on what has moved since.
        """
        if (record := answer.record) is not None:
            self._means.writer.enqueue(self._means.fresh.observation(record))
        if (outcome := self._by_record(answer)) is not None:
            raise Ended(outcome)
        if record is not None:
            self._seen = Said(record.date, record.session, record.branch_id)

    def _by_record(self, answer: Answer) -> Outcome | None:
        """How it ended by its record alone; None where a PATCH may be sent."""
        is_unsent = self._opened_at is None or self._number == 0
        outcome = outcome_of_read(
            answer,
            opened_at=self._opened_at,
            said=self._appointment.said,
            seen=self._seen,
            statuses={*self._means.statuses, self._appointment.may_send or ""},
            was_cancelled=self._appointment.was_cancelled
            or (self._word is not None and self._word.was_cancelled),
            # What was sent was approved then.
            approved_at=self._means.approved_at if is_unsent else None,
        )
        if outcome is None and answer.record is not None and has_moved(self._seen, answer.record):
            return Outcome(OutcomeName.SKIPPED, SkipReason.MOVED)
        return outcome

    async def _answer_to_read(self) -> Answer:
        request = Request(ask=Ask.READ, appointment_id=self._appointment.appointment_id)

        async def send() -> Answer:
            answer = await self._means.exchange.send(request)
            self._reads += answer.meaning is Meaning.UNKNOWN
            return answer

        try:
            answer = await self._means.retry(send, self._reads)
        except ScopeMissing as error:
            if self._opened_at is None:
                raise
            self.unread = error
            raise Ended(Outcome(OutcomeName.GAVE_UP, "INSUFFICIENT_SCOPE")) from None
        self._reads = 0
        return answer

    async def _learn_start(self, record: Record) -> None:
        if (start := await self._means.starts.of_record(record)) is None:
            return
        one = record.appointment_id
        self._means.writer.enqueue(
            Learned(appointment_id=one, starts_at=start.earliest, known_by=start.known_by)
        )
        self._appointment = replace(self._appointment, start=start)

    def _decide(self, now: datetime) -> Decision:
        if self._appointment.is_marked:
            return Skip(SkipReason.MARKED_DONE)
        self._take_last_word()
        return self._means.policy.decide(self._appointment.start, now=now)

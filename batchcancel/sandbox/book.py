"""The appointment store: every record, how full the slots are, who changed what, and the staff."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Any, Literal
from zoneinfo import ZoneInfo

from batchcancel.sandbox.clinic import (
    AppointmentRecord,
    CalendarWindow,
    Clinic,
    Slot,
    batch_label,
    calendar_windows,
    new_record,
    weekday,
)
from batchcancel.sandbox.wire import RefusedError, not_found

Who = Literal["api", "staff"]
_SMALLEST_STEP = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    appointment_id: str
    who: Who
    before: str
    after: str
    at: datetime


class Book:
    """The records, changed one at a time; safe to read and change from several threads."""

    def __init__(self, clinic: Clinic, records: Iterable[AppointmentRecord]) -> None:
        self.clinic = clinic
        self.windows = calendar_windows(clinic)
        self._left_out: set[tuple[date, str]] = set()
        self._closed: set[tuple[date, str]] = set()
        self._places: dict[tuple[Slot, str], int] = {}
        self.changes: list[StatusChange] = []
        self.shuffled: random.Random | None = None
        self.lists_by_utc = False
        """Whether a listing's day is that of the window's start in UTC, not that of the record."""
        self._records: dict[str, AppointmentRecord] = {}
        self._filled: Counter[Slot] = Counter()
        self._by_window: Counter[tuple[Slot, str, str]] = Counter()
        self._lock = threading.RLock()
        for record in records:
            self.put(record)

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: AppointmentRecord) -> None:
        """Add or replace a record, asking nobody about room."""
        with self._lock:
            if old := self._records.get(record.appointment_id):
                self._count(old, -1)
            self._records[record.appointment_id] = record
            self._count(record, 1)

    def get(self, appointment_id: str) -> AppointmentRecord:
        try:
            return self._records[appointment_id]
        except KeyError:
            raise not_found("No appointment has this id.") from None

    def find(self, wanted: Callable[[AppointmentRecord], bool]) -> list[AppointmentRecord]:
        """Return the wanted records, sorted by date, then id."""
        with self._lock:
            found = [record for record in self._records.values() if wanted(record)]
        return sorted(found, key=lambda record: (record.date, record.appointment_id))

    def listed(self, wanted: Callable[[AppointmentRecord], bool]) -> list[AppointmentRecord]:
        """Return them as a listing does: sorted by date, and by nothing else where `shuffled`."""
        found = self.find(wanted)
        if self.shuffled is not None:
            self.shuffled.shuffle(found)
            found.sort(key=lambda record: record.date)
        return found

    def windows_on(self, day: date) -> list[CalendarWindow]:
        """The windows of that day that the calendar lists."""
        return [
            window
            for window in self.windows
            if window.day == weekday(day) and (day, window.calendar_id) not in self._left_out
        ]

    def leave_out(self, day: date, wanted: Callable[[CalendarWindow], bool]) -> None:
        """List such windows of that day no more: somebody closed them."""
        self._left_out |= {(day, one.calendar_id) for one in self.windows_on(day) if wanted(one)}

    def close(self, day: date) -> None:
        """Offer nobody a place on that day any more; its windows are listed as closed."""
        self._closed |= {(day, one.calendar_id) for one in self.windows_on(day)}

    def is_open(self, day: date, window: CalendarWindow) -> bool:
        return (day, window.calendar_id) not in self._closed

    def listed_on(self, record: AppointmentRecord) -> date:
        """The day under which a listing has a record."""
        if not self.lists_by_utc:
            return record.date
        starts = [
            one.start_time
            for one in self.windows
            if (one.branch_id, one.session) == (record.branch_id, record.session)
            and one.day == weekday(record.date)
        ]
        if not starts:
            return record.date
        begins = datetime.combine(
            record.date, time.fromisoformat(min(starts)), tzinfo=ZoneInfo(self.clinic.timezone)
        )
        return begins.astimezone(UTC).date()

    def filled(self, slot: Slot, batch: str) -> int:
        """How many confirmed appointments the window with that label has."""
        counted = ("confirmed", "rescheduled") if self.clinic.counts_rescheduled else ("confirmed",)
        with self._lock:
            return sum(self._by_window[slot, batch, status] for status in counted)

    def places(self, slot: Slot, batch: str) -> int:
        """How many appointments the window with that label has room for."""
        return self._places.get((slot, batch), self.clinic.places)

    def set_places(self, slot: Slot, batch: str, places: int) -> None:
        """Give a window another number of places than the clinic's."""
        self._places[slot, batch] = places

    def by_status(self) -> dict[str, int]:
        with self._lock:
            return dict(Counter(record.status for record in self._records.values()))

    def change(
        self, appointment_id: str, fields: dict[str, Any], *, who: Who, at: datetime
    ) -> AppointmentRecord:
        """Change a record and its `updated_at`; staff may overbook, the API may not."""
        with self._lock:
            old = self.get(appointment_id)
            # Two changes in the same millisecond must still be told apart.
            at = _whole_milliseconds(max(at, old.updated_at + _SMALLEST_STEP))
            new = replace(old, **fields, updated_at=at)
            if who == "api":
                self._check_room(old, new)
            self.put(new)
            self._log(old, new, who=who, at=at)
            return new

    def _count(self, record: AppointmentRecord, by: int) -> None:
        self._filled[record.slot] += by * _takes_place(record)
        self._by_window[record.slot, record.batch, record.status] += by

    def _check_room(self, old: AppointmentRecord, new: AppointmentRecord) -> None:
        stays = old.slot == new.slot and (_takes_place(old) or not self.clinic.checks_confirming)
        if not _takes_place(new) or stays:
            return
        if not self._is_open(new):
            raise RefusedError(
                HTTPStatus.CONFLICT, "OUTSIDE_AVAILABILITY", "The branch is closed at that time."
            )
        if self._is_booked_twice(new):
            raise RefusedError(
                HTTPStatus.CONFLICT, "DUPLICATE_BOOKING", "The patient holds that slot already."
            )
        if self._filled[new.slot] >= self.places(new.slot, new.batch):
            raise RefusedError(HTTPStatus.CONFLICT, "SLOT_FULL", "The slot has no capacity left.")

    def _is_open(self, record: AppointmentRecord) -> bool:
        place = (record.branch_id, record.session)
        return any(
            place == (one.branch_id, one.session) and self.is_open(record.date, one)
            for one in self.windows_on(record.date)
        )

    def _is_booked_twice(self, record: AppointmentRecord) -> bool:
        return any(
            (other.patient_name, other.parent_phone) == (record.patient_name, record.parent_phone)
            and other.slot == record.slot
            and other.appointment_id != record.appointment_id
            and _takes_place(other)
            for other in self._records.values()
        )

    def _log(
        self, old: AppointmentRecord, new: AppointmentRecord, *, who: Who, at: datetime
    ) -> None:
        if old.status != new.status:
            change = StatusChange(
                appointment_id=old.appointment_id,
                who=who,
                before=old.status,
                after=new.status,
                at=at,
            )
            self.changes.append(change)


class Staff:
    """What the clinic's own people do in the dashboard; each change changes `updated_at`."""

    def __init__(self, book: Book, *, now: Callable[[], datetime]) -> None:
        self._book = book
        self._now = now

    def book(
        self, day: date, *, session: str = "Morning", branch_id: str | None = None
    ) -> AppointmentRecord:
        """Book somebody else, as the dashboard or the voice agent does."""
        clinic = self._book.clinic
        record = new_record(
            clinic,
            number=len(self._book) + 1,
            slot=(branch_id or clinic.branch_ids[0], day, session),
            created_at=self._now(),
        )
        record = replace(record, appointment_id=f"booked_{len(self._book) + 1:06}")
        self._book.put(record)
        return record

    def confirm(self, appointment_id: str) -> AppointmentRecord:
        return self._change(appointment_id, status="confirmed")

    def complete(self, appointment_id: str) -> AppointmentRecord:
        return self._change(appointment_id, status="completed")

    def cancel(self, appointment_id: str) -> AppointmentRecord:
        return self._change(appointment_id, status="cancelled")

    def mark(self, appointment_id: str, status: str) -> AppointmentRecord:
        """Set a status of any word, such as one that is not documented."""
        return self._change(appointment_id, status=status)

    def introduce(self, appointment_id: str, *, name: str, phone: str | None) -> None:
        """Let it be somebody else's from the beginning."""
        record = self._book.get(appointment_id)
        self._book.put(replace(record, patient_name=name, parent_phone=phone))

    def reschedule(self, appointment_id: str, day: date) -> AppointmentRecord:
        return self._change(appointment_id, status="rescheduled", date=day)

    def move(
        self, appointment_id: str, *, session: str | None = None, branch_id: str | None = None
    ) -> AppointmentRecord:
        """Put it into another session, or another branch, of the same day."""
        fields = {} if session is None else {"session": session, "batch": batch_label(session)}
        fields |= {} if branch_id is None else {"branch_id": branch_id}
        return self._change(appointment_id, status="rescheduled", **fields)

    def _change(self, appointment_id: str, **fields: Any) -> AppointmentRecord:
        return self._book.change(appointment_id, fields, who="staff", at=self._now())


def _takes_place(record: AppointmentRecord) -> bool:
    return record.status != "cancelled"


def _whole_milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

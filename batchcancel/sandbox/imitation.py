"""The imitation put together, and what a test may ask of it and do to it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

from batchcancel.sandbox.api import Api
from batchcancel.sandbox.app import App
from batchcancel.sandbox.book import Book, Staff, StatusChange
from batchcancel.sandbox.clinic import (
    AppointmentRecord,
    CalendarWindow,
    Clinic,
    batch_label,
    first_records,
    new_record,
    weekday,
)
from batchcancel.sandbox.clock import DelayedCalls, LoopClock, WallClock
from batchcancel.sandbox.control import Control, control_app
from batchcancel.sandbox.faults import Faults, SeededFaults
from batchcancel.sandbox.history import History
from batchcancel.sandbox.keys import Allowance, Keys, Rate, RateLimiter
from batchcancel.sandbox.meanwhile import Meanwhile


class Sandbox:
    """An imitation of the HuskyVoice appointments API with faults on demand.

    `app` is the ASGI app; its URLs begin with `/v1`. `keys` maps further bearer keys to their
    scopes. `clock` gives monotonic seconds; by default those of the running event loop, virtual
    or not, from the first request on. `now` gives the wall time: a function, the aware moment at
    which the clock showed 0, or None for the machine's own. `skew` is added to it.
    """

    def __init__(
        self,
        clinic: Clinic | None = None,
        *,
        rate: Rate | None = None,
        keys: Mapping[str, Iterable[str]] | None = None,
        faults: SeededFaults | None = None,
        clock: Callable[[], float] | None = None,
        now: Callable[[], datetime] | datetime | None = None,
        skew: timedelta = timedelta(0),
    ) -> None:
        seconds = clock or LoopClock()
        self._wall = WallClock(seconds=seconds, now=now, skew=skew)
        self.keys = Keys(keys)
        self.faults = Faults(faults)
        clinic = clinic or Clinic()
        self._book = Book(clinic, first_records(clinic, now=self._wall()))
        self._staff = Staff(self._book, now=self._wall)
        self._history = History()
        self._limiter = RateLimiter(rate or Rate())
        self.allowance = Allowance()
        self.meanwhile = Meanwhile(self._book, self._staff)
        self.api = Api(self._book, self.keys, self.meanwhile)
        self._delayed = DelayedCalls(seconds)
        control = Control(
            book=self._book,
            staff=self._staff,
            faults=self.faults,
            history=self._history,
            limiter=self._limiter,
        )
        self.app = App(
            api=self.api,
            control=control_app(control),
            keys=self.keys,
            limiter=self._limiter,
            allowance=self.allowance,
            faults=self.faults,
            history=self._history,
            delayed=self._delayed,
            seconds=seconds,
            now=self._wall,
        )

    @property
    def book(self) -> Book:
        """The records as they stand now, late changes included."""
        self._delayed.run_due()
        return self._book

    @property
    def staff(self) -> Staff:
        self._delayed.run_due()
        return self._staff

    @property
    def history(self) -> History:
        self._delayed.run_due()
        return self._history

    @property
    def most_accepted(self) -> int:
        """Return the most requests of one key let through in any window."""
        return self._limiter.most_accepted

    @property
    def most_arrivals(self) -> int:
        """Return the most requests of one key that arrived in any window, refused ones included."""
        return self._limiter.most_arrivals

    def now(self) -> datetime:
        return self._wall()

    def skew(self, by: timedelta) -> None:
        """Set the sandbox's wall clock ahead (or behind) from now on."""
        self._wall.skew = by

    def record(self, appointment_id: str) -> AppointmentRecord:
        return self.book.get(appointment_id)

    def records(self, *, status: str | None = None) -> list[AppointmentRecord]:
        """Return the records by date, then id."""
        return self.book.find(lambda record: status in {None, record.status})

    def changes(self, appointment_id: str | None = None) -> list[StatusChange]:
        """Return the status changes in order, of one appointment or of all."""
        return [
            change
            for change in self.book.changes
            if appointment_id in {None, change.appointment_id}
        ]

    def shuffle(self, seed: int) -> None:
        """Let each page of a listing have an order of its own within a day."""
        self.book.shuffled = Random(seed)

    def allow_cancellation(self, *, allowed: bool) -> None:
        self.book.clinic = replace(self.book.clinic, allow_cancellation=allowed)

    def add(
        self,
        appointment_id: str,
        *,
        date: date,
        session: str = "Morning",
        status: str = "confirmed",
        branch_id: str | None = None,
        batch: str | None = None,
        doctor: str | None = None,
        service: str | None = None,
    ) -> AppointmentRecord:
        """Put in an appointment booked a day ago, or replace it, whatever the room."""
        clinic = self.book.clinic
        slot = (branch_id or clinic.branch_ids[0], date, session)
        booked = self.now() - timedelta(days=1)
        plain = new_record(clinic, number=len(self.book) + 1, slot=slot, created_at=booked)
        record = replace(
            plain,
            appointment_id=appointment_id,
            status=status,
            batch=batch or batch_label(session),
            assigned_doctor=doctor,
            appointment_type=service or plain.appointment_type,
        )
        self.book.put(record)
        return record

    def add_window(
        self, day: date, *, session: str, batch: str, start_time: str, end_time: str
    ) -> None:
        """Open the first branch for one session more, on that weekday of every week."""
        self.book.windows.append(
            CalendarWindow(
                calendar_id=f"added-{len(self.book.windows)}",
                branch_id=self.book.clinic.branch_ids[0],
                day=weekday(day),
                session=session,
                batch=batch,
                start_time=start_time,
                end_time=end_time,
            )
        )

    def close(self, day: date) -> None:
        """Close a day, as a dashboard does: nobody is offered a place on it any more."""
        self.book.close(day)

    def set_places(
        self, day: date, places: int, *, session: str = "Morning", batch: str | None = None
    ) -> None:
        """Give a window of the first branch another number of places than the clinic's."""
        slot = (self.book.clinic.branch_ids[0], day, session)
        self.book.set_places(slot, batch or batch_label(session), places)

    def leave_out(self, day: date, *, session: str | None = None, batch: str | None = None) -> None:
        """List the windows of that day no more, or those alone of a session or a batch label.

        So a clinic closes a day; and the API may leave out full windows, its page does not say.
        """
        self.book.leave_out(
            day,
            lambda window: session in {None, window.session} and batch in {None, window.batch},
        )

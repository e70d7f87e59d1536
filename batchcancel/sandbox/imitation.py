"""The sandbox put together."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from batchcancel.sandbox.api import Api
from batchcancel.sandbox.asgi import App
from batchcancel.sandbox.book import Book, StatusChange
from batchcancel.sandbox.clinic import Clinic, batch_of, first_records, new_record
from batchcancel.sandbox.clock import LoopClock, WallClock
from batchcancel.sandbox.control import control_app
from batchcancel.sandbox.faults import Faults, SeededFaults
from batchcancel.sandbox.history import History
from batchcancel.sandbox.keys import Keys
from batchcancel.sandbox.later import Later
from batchcancel.sandbox.parts import Parts
from batchcancel.sandbox.records import Record
from batchcancel.sandbox.staff import Staff
from batchcancel.sandbox.window import Rate, SlidingWindow


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
        clinic, rate = clinic or Clinic(), rate or Rate()
        book = Book(clinic, first_records(clinic, now=self._wall()))
        self.keys = Keys(keys)
        self.faults = Faults(faults)
        self._parts = Parts(
            seconds=seconds,
            now=self._wall,
            keys=self.keys,
            book=book,
            api=Api(book, self.keys),
            staff=Staff(book, now=self._wall),
            windows=defaultdict(lambda: SlidingWindow(rate)),
            faults=self.faults,
            later=Later(seconds),
            history=History(),
        )
        self.app = App(self._parts, control_app(self._parts))

    @property
    def book(self) -> Book:
        """The records as they stand now, late changes included."""
        self._parts.later.catch_up()
        return self._parts.book

    @property
    def staff(self) -> Staff:
        self._parts.later.catch_up()
        return self._parts.staff

    @property
    def history(self) -> History:
        self._parts.later.catch_up()
        return self._parts.history

    @property
    def most_accepted(self) -> int:
        """Return the most requests of one key let through in any window."""
        return self._parts.most_accepted

    @property
    def most_arrivals(self) -> int:
        """Return the most requests of one key that arrived in any window, refused ones included."""
        return self._parts.most_arrivals

    def now(self) -> datetime:
        return self._wall()

    def skew(self, by: timedelta) -> None:
        """Set the sandbox's wall clock ahead (or behind) from now on."""
        self._wall.skew = by

    def record(self, appointment_id: str) -> Record:
        return self.book.get(appointment_id)

    def records(self, *, status: str | None = None) -> list[Record]:
        """Return the records by date, then id."""
        return self.book.find(lambda record: status in {None, record.status})

    def changes(self, appointment_id: str | None = None) -> list[StatusChange]:
        """Return the status changes in order, of one appointment or of all."""
        return [
            change
            for change in self.book.changes
            if appointment_id in {None, change.appointment_id}
        ]

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
    ) -> Record:
        """Put in an appointment booked a day ago, or replace it, whatever the room."""
        clinic = self.book.clinic
        slot = (branch_id or clinic.branch_ids[0], date, session)
        booked = self.now() - timedelta(days=1)
        plain = new_record(clinic, number=len(self.book) + 1, slot=slot, created_at=booked)
        record = replace(
            plain, appointment_id=appointment_id, status=status, batch=batch_of(session)
        )
        self.book.put(record)
        return record

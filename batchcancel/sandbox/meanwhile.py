"""What others do while somebody pages or cancels: on demand, or by a seed."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Literal

from batchcancel.sandbox.book import Book, Staff
from batchcancel.sandbox.clinic import SESSIONS, AppointmentRecord

Deed = Literal["book", "cancel", "move", "move_away"]


class Meanwhile:
    """Happens after each page of a listing that was answered."""

    def __init__(self, book: Book, staff: Staff) -> None:
        self._book, self._staff = book, staff
        self._ordered: list[tuple[int, Callable[[], object]]] = []
        self._chances: Mapping[Deed, float] = {}
        self._days: Sequence[date] = ()
        self._random = random.Random(0)
        self._pages = 0
        self._on_cancelling: dict[str, Callable[[], object]] = {}
        self.done: list[tuple[Deed, str]] = []
        """What was done by chance, and to which appointment."""

    def after(self, pages: int, deed: Callable[[], object]) -> None:
        """Have something done once so many more pages were shown."""
        self._ordered.append((self._pages + pages, deed))

    def by_chance(
        self, chances: Mapping[Deed, float], *, days: Sequence[date], seed: int = 0
    ) -> None:
        """After each page, do each deed by chance, on one of the days; an empty mapping ends it."""
        self._chances, self._days, self._random = chances, days, random.Random(seed)

    def on_cancelling(self, ids: Iterable[str], deed: Callable[[], object]) -> None:
        """Have something done right after each of these was cancelled through the API."""
        self._on_cancelling |= dict.fromkeys(ids, deed)

    def cancelled(self, appointment_id: str) -> None:
        """An appointment was cancelled through the API."""
        self._on_cancelling.pop(appointment_id, lambda: None)()

    def happen(self) -> None:
        """One more page was shown."""
        self._pages += 1
        due = [deed for pages, deed in self._ordered if pages <= self._pages]
        self._ordered = [one for one in self._ordered if one[0] > self._pages]
        for ordered in due:
            ordered()
        for deed, chance in self._chances.items():
            if self._random.random() < chance:
                self._do(deed)

    def _do(self, deed: Deed) -> None:
        day = self._random.choice(self._days)
        session = self._random.choice(SESSIONS)
        if deed == "book":
            branch_id = self._random.choice(self._book.clinic.branch_ids)
            record = self._staff.book(day, session=session, branch_id=branch_id)
            self.done.append((deed, record.appointment_id))
            return
        alive = self._book.find(lambda one: _is_alive(one) and one.date == day)
        if not alive:
            return
        one = self._random.choice(alive).appointment_id
        if deed == "cancel":
            self._staff.cancel(one)
        elif deed == "move":
            self._staff.move(one, session=session)
        else:
            self._staff.reschedule(one, date(day.year + 1, 1, 1))
        self.done.append((deed, one))


def _is_alive(record: AppointmentRecord) -> bool:
    return record.status in ("confirmed", "rescheduled")

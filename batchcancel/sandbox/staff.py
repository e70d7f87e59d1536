"""What the clinic's own people do in the dashboard, while a batch runs."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from batchcancel.sandbox.book import Book
from batchcancel.sandbox.records import Record


class Staff:
    """Changes made by hand; each one changes `updated_at`."""

    def __init__(self, book: Book, *, now: Callable[[], datetime]) -> None:
        self._book = book
        self._now = now

    def confirm(self, appointment_id: str) -> Record:
        return self._change(appointment_id, status="confirmed")

    def complete(self, appointment_id: str) -> Record:
        return self._change(appointment_id, status="completed")

    def cancel(self, appointment_id: str) -> Record:
        return self._change(appointment_id, status="cancelled")

    def reschedule(self, appointment_id: str, day: date) -> Record:
        return self._change(appointment_id, status="rescheduled", date=day)

    def _change(self, appointment_id: str, **fields: Any) -> Record:
        return self._book.change(appointment_id, fields, who="staff", at=self._now())

"""Request validation: what a query or a PATCH body may say, and what it means for a record."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from batchcancel.sandbox.clinic import SESSIONS, STATUSES, AppointmentRecord
from batchcancel.sandbox.wire import invalid

Reader = Callable[[str, Any], Any]
"""Takes the name and the value of a field, and returns what it means or refuses it."""

_DEFAULT_LIMIT = 50
MOST_PER_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    number: int
    limit: int

    def cut_to(self, most: int) -> "Page":
        """Of a server that gives no more records than so many, whatever it is asked for."""
        return Page(number=self.number, limit=min(self.limit, most))

    def cut(self, records: list[AppointmentRecord]) -> list[AppointmentRecord]:
        start = (self.number - 1) * self.limit
        return records[start : start + self.limit]


def page_of(query: dict[str, str]) -> Page:
    limit = _whole_number("limit", query.get("limit", str(_DEFAULT_LIMIT)))
    if limit > MOST_PER_PAGE:
        raise invalid(f"limit must be at most {MOST_PER_PAGE}.")
    return Page(number=_whole_number("page", query.get("page", "1")), limit=limit)


def filter_of(query: dict[str, str]) -> Callable[[object], bool]:
    """Return whether a record, or a calendar window, matches every filter of the query."""
    wanted = {name: read(name, query[name]) for name, read in _FILTERS.items() if name in query}
    return lambda thing: all(getattr(thing, name) == value for name, value in wanted.items())


def day_of(name: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # `fromisoformat` also takes 20260615 and week dates, which the API does not speak of.
    if day is None or day.isoformat() != text:
        raise invalid(f"{name} must be a calendar day like 2026-06-15.")
    return day


def fields_to_change(body: dict[str, Any]) -> dict[str, Any]:
    """Return the record's new values; refuse an empty body, an unknown field or a bad value."""
    if not body:
        raise invalid(f"Give at least one of {', '.join(_CHANGEABLE)}.")
    if unknown := body.keys() - _CHANGEABLE.keys():
        raise invalid(f"Fields that cannot be updated: {', '.join(sorted(unknown))}.")
    fields = {name: _CHANGEABLE[name](name, value) for name, value in body.items()}
    if "appointment_date" in fields:
        fields["date"] = fields.pop("appointment_date")
        fields.setdefault("status", "rescheduled")
    return fields


def _one_of(*allowed: str) -> Reader:
    def read(name: str, value: Any) -> str:
        if value not in allowed:
            raise invalid(f"{name} must be one of {', '.join(allowed)}.")
        return str(value)

    return read


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(f"{name} must be a string.")
    return value


def _text_or_null(name: str, value: Any) -> str | None:
    return None if value is None else _text(name, value)


def _utc_day(name: str, value: Any) -> date:
    try:
        moment = datetime.fromisoformat(_text(name, value))
    except ValueError:
        raise invalid(f"{name} must be an ISO 8601 date in UTC.") from None
    return moment.date() if moment.tzinfo is None else moment.astimezone(UTC).date()


def _whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise invalid(f"{name} must be a whole number from 1.")
    return int(text)


_FILTERS: dict[str, Reader] = {
    "date": day_of,
    "status": _one_of(*STATUSES),
    "session": _one_of(*SESSIONS),
    "appointment_type": _text,
    "branch_id": _text,
    "batch": _text,
}
LISTING_PARAMETERS = frozenset({"page", "limit", *_FILTERS})
SLOT_PARAMETERS = frozenset({"date", "branch_id", "session"})

_CHANGEABLE: dict[str, Reader] = {
    # An appointment becomes rescheduled by a new date, never by this word alone.
    "status": _one_of("confirmed", "completed", "cancelled"),
    "notes": _text,
    "assigned_doctor": _text_or_null,
    "appointment_date": _utc_day,
    "session": _one_of(*SESSIONS),
    "batch": _text,
}

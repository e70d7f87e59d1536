"""What a PATCH body may say, and what it means for a record."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from batchcancel.sandbox.answers import invalid
from batchcancel.sandbox.records import SESSIONS

_SETTABLE_STATUSES = ("confirmed", "completed", "cancelled")


def fields_to_change(body: dict[str, Any]) -> dict[str, Any]:
    """Return the record's new values; refuse an empty body, an unknown field or a bad value."""
    if not body:
        raise invalid(f"Give at least one of {', '.join(_READERS)}.")
    if unknown := body.keys() - _READERS.keys():
        raise invalid(f"Fields that cannot be updated: {', '.join(sorted(unknown))}.")
    fields = {name: _READERS[name](name, value) for name, value in body.items()}
    if "appointment_date" in fields:
        fields["date"] = fields.pop("appointment_date")
        fields.setdefault("status", "rescheduled")
    return fields


def _one_of(*allowed: str) -> Callable[[str, Any], str]:
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


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "status": _one_of(*_SETTABLE_STATUSES),
    "notes": _text,
    "assigned_doctor": _text_or_null,
    "appointment_date": _utc_day,
    "session": _one_of(*SESSIONS),
    "batch": _text,
}

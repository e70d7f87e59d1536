"""Finding appointments: filters, pages and their order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from batchcancel.sandbox.answers import invalid
from batchcancel.sandbox.records import SESSIONS, STATUSES, Record

_EXACT = ("appointment_type", "branch_id", "batch")
PARAMETERS = frozenset({"date", "status", "session", "page", "limit", *_EXACT})
_DEFAULT_LIMIT = 50
_MOST_PER_PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    number: int
    limit: int

    def cut(self, records: list[Record]) -> list[Record]:
        start = (self.number - 1) * self.limit
        return records[start : start + self.limit]


def page_of(query: dict[str, str]) -> Page:
    limit = _whole_number("limit", query.get("limit", str(_DEFAULT_LIMIT)))
    if limit > _MOST_PER_PAGE:
        raise invalid(f"limit must be at most {_MOST_PER_PAGE}.")
    return Page(number=_whole_number("page", query.get("page", "1")), limit=limit)


def filter_of(query: dict[str, str]) -> Callable[[Record], bool]:
    """Return whether a record matches every filter of the query."""
    wanted = {name: query[name] for name in _EXACT if name in query}
    wanted |= _listed(query, "status", STATUSES) | _listed(query, "session", SESSIONS)
    day = day_of(query["date"]) if "date" in query else None

    def matches(record: Record) -> bool:
        if day is not None and record.date != day:
            return False
        return all(getattr(record, name) == value for name, value in wanted.items())

    return matches


def day_of(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    # `fromisoformat` also takes 20260615 and week dates, which the API does not speak of.
    if day is None or day.isoformat() != text:
        raise invalid("date must be a calendar day like 2026-06-15.")
    return day


def _listed(query: dict[str, str], name: str, allowed: tuple[str, ...]) -> dict[str, str]:
    if name not in query:
        return {}
    if query[name] not in allowed:
        raise invalid(f"{name} must be one of {', '.join(allowed)}.")
    return {name: query[name]}


def _whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise invalid(f"{name} must be a whole number from 1.")
    return int(text)

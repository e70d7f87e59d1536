"""The v1 endpoints: a call in, an answer out, and nothing that waits in between."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any

from batchcancel.sandbox.answers import Answer, RefusedError, data, invalid, json_answer, not_found
from batchcancel.sandbox.book import Book
from batchcancel.sandbox.call import Call
from batchcancel.sandbox.changes import fields_to_change
from batchcancel.sandbox.clinic import CalendarWindow
from batchcancel.sandbox.keys import Keys
from batchcancel.sandbox.records import SESSIONS
from batchcancel.sandbox.validation import PARAMETERS, day_of, filter_of, page_of

Endpoint = Callable[[Call, datetime], Answer]
_SLOT_PARAMETERS = frozenset({"date", "branch_id", "session"})


class Api:
    """Answers what HuskyVoice's appointments pages document, and 404 or 405 to the rest."""

    def __init__(self, book: Book, keys: Keys) -> None:
        self._book = book
        self._keys = keys
        read = "appointments:read"
        self._routes: dict[str, dict[str, tuple[str, Endpoint]]] = {
            "/v1/appointments": {"GET": (read, self._list)},
            "/v1/appointments/{id}": {
                "GET": (read, self._show),
                "PATCH": ("appointments:write", self._change),
            },
            "/v1/appointment-config": {"GET": (read, self._config)},
            "/v1/appointment-slots/availability": {"GET": ("slots:read", self._slots)},
        }

    def answer(self, call: Call, *, at: datetime) -> Answer:
        try:
            return self._endpoint(call)(call, at)
        except RefusedError as refusal:
            return refusal.answer

    def _endpoint(self, call: Call) -> Endpoint:
        methods = self._routes.get("/v1/appointments/{id}" if call.appointment_id else call.path)
        if methods is None:
            raise not_found("No such endpoint.")
        if call.method not in methods:
            raise RefusedError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                f"Use {' or '.join(sorted(methods))} here.",
            )
        scope, endpoint = methods[call.method]
        if not self._keys.allows(call.key or "", scope):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "INSUFFICIENT_SCOPE", f"The key lacks the scope {scope}."
            )
        return endpoint

    def _show(self, call: Call, at: datetime) -> Answer:
        return data(self._book.get(call.appointment_id or "").as_json())

    def _list(self, call: Call, at: datetime) -> Answer:
        query = call.parameters(PARAMETERS)
        page, matches = page_of(query), filter_of(query)
        found = self._book.find(matches)
        paging = {"page": page.number, "limit": page.limit, "total": len(found)}
        return data([record.as_json() for record in page.cut(found)], pagination=paging)

    def _change(self, call: Call, at: datetime) -> Answer:
        fields = fields_to_change(call.json_object())
        old = self._book.get(call.appointment_id or "")
        if fields.get("status") == "cancelled":
            self._check_cancellation_allowed()
            if old.status == "cancelled":
                return data(old.as_json())
        new = self._book.change(old.appointment_id, fields, who="api", at=at)
        return replace(data(new.as_json()), changed=True)

    def _check_cancellation_allowed(self) -> None:
        if not self._book.clinic.allow_cancellation:
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                "CANCELLATION_NOT_ALLOWED",
                "This organisation does not allow cancellation.",
            )

    def _config(self, call: Call, at: datetime) -> Answer:
        clinic = self._book.clinic
        return data(
            {
                "allow_cancellation": clinic.allow_cancellation,
                "cancellation_notice_hours": clinic.notice_hours,
                "timezone": clinic.timezone,
            }
        )

    def _slots(self, call: Call, at: datetime) -> Answer:
        query = call.parameters(_SLOT_PARAMETERS)
        if "date" not in query:
            raise invalid("date is required.")
        if query.get("session", SESSIONS[0]) not in SESSIONS:
            raise invalid(f"session must be one of {', '.join(SESSIONS)}.")
        day = query.pop("date")
        windows = self._book.windows_on(day_of(day))
        slots = [self._slot(window, day) for window in windows if _matches(window, query)]
        return json_answer({"success": True, "date": day, "slots": slots})

    def _slot(self, window: CalendarWindow, day: str) -> dict[str, Any]:
        return {
            "slot_id": f"{window.calendar_id}:{day}",
            **asdict(window),
            "capacity": self._book.clinic.places,
            "filled": self._book.filled((window.branch_id, day_of(day), window.session)),
        }


def _matches(window: CalendarWindow, query: dict[str, str]) -> bool:
    return all(getattr(window, name) == value for name, value in query.items())

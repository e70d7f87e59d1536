"""The v1 endpoints: a request in, a response out, and nothing that waits in between."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, datetime
from http import HTTPStatus
from typing import Any

from batchcancel.sandbox.book import Book
from batchcancel.sandbox.clinic import CalendarWindow
from batchcancel.sandbox.keys import Keys
from batchcancel.sandbox.meanwhile import Meanwhile
from batchcancel.sandbox.validation import (
    LISTING_PARAMETERS,
    MOST_PER_PAGE,
    SLOT_PARAMETERS,
    day_of,
    fields_to_change,
    filter_of,
    page_of,
)
from batchcancel.sandbox.wire import (
    HttpRequest,
    HttpResponse,
    RefusedError,
    data,
    invalid,
    json_response,
    not_found,
)

Endpoint = Callable[[HttpRequest, datetime], HttpResponse]


class Api:
    """Answers what HuskyVoice's appointments pages document, and 404 or 405 to the rest."""

    def __init__(self, book: Book, keys: Keys, meanwhile: Meanwhile) -> None:
        self._book = book
        self._keys = keys
        self.meanwhile = meanwhile
        self.longest_page, self.ignores_page = MOST_PER_PAGE, False
        read = "appointments:read"
        self._routes: dict[str, dict[str, tuple[str, Endpoint]]] = {
            "/v1/appointments": {"GET": (read, self._list)},
            "/v1/appointments/{id}": {
                "GET": (read, self._show),
                "PATCH": ("appointments:write", self._change),
            },
            "/v1/services": {"GET": (read, self._services)},
            "/v1/appointment-config": {"GET": (read, self._config)},
            "/v1/appointment-slots/availability": {"GET": ("slots:read", self._slots)},
        }

    def answer(self, request: HttpRequest, *, at: datetime) -> HttpResponse:
        try:
            return self._endpoint(request)(request, at)
        except RefusedError as refusal:
            return refusal.response

    def _endpoint(self, request: HttpRequest) -> Endpoint:
        methods = self._routes.get(
            "/v1/appointments/{id}" if request.appointment_id else request.path
        )
        if methods is None:
            raise not_found("No such endpoint.")
        if request.method not in methods:
            raise RefusedError(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                f"Use {' or '.join(sorted(methods))} here.",
            )
        scope, endpoint = methods[request.method]
        if not self._keys.allows(request.key or "", scope):
            raise RefusedError(
                HTTPStatus.FORBIDDEN, "INSUFFICIENT_SCOPE", f"The key lacks the scope {scope}."
            )
        return endpoint

    def _show(self, request: HttpRequest, at: datetime) -> HttpResponse:
        return data(self._book.get(request.appointment_id or "").as_json())

    def _list(self, request: HttpRequest, at: datetime) -> HttpResponse:
        query = request.parameters(LISTING_PARAMETERS)
        page = page_of(query).cut_to(self.longest_page)
        if self.ignores_page:
            page = replace(page, number=1)
        day = day_of("date", query.pop("date")) if "date" in query else None
        matches = filter_of(query)
        found = self._book.listed(
            lambda one: matches(one) and (day is None or day == self._book.listed_on(one))
        )
        paging = {"page": page.number, "limit": page.limit, "total": len(found)}
        shown = data([record.as_json() for record in page.cut(found)], pagination=paging)
        self.meanwhile.happen()
        return shown

    def _services(self, request: HttpRequest, at: datetime) -> HttpResponse:
        named = self._book.clinic.services
        return data([{"id": one, "name": name} for one, name in named.items()])

    def _change(self, request: HttpRequest, at: datetime) -> HttpResponse:
        fields = fields_to_change(request.json_object())
        old = self._book.get(request.appointment_id or "")
        if fields.get("status") == "cancelled":
            self._check_cancellation_allowed()
            if old.status == "cancelled":
                return data(old.as_json())
        new = self._book.change(old.appointment_id, fields, who="api", at=at)
        if new.status == "cancelled":
            self.meanwhile.cancelled(new.appointment_id)
        return replace(data(new.as_json()), changed=True)

    def _check_cancellation_allowed(self) -> None:
        if not self._book.clinic.allow_cancellation:
            raise RefusedError(
                HTTPStatus.FORBIDDEN,
                "CANCELLATION_NOT_ALLOWED",
                "This organisation does not allow cancellation.",
            )

    def _config(self, request: HttpRequest, at: datetime) -> HttpResponse:
        clinic = self._book.clinic
        return data(
            {
                "allow_cancellation": clinic.allow_cancellation,
                "cancellation_notice_hours": clinic.notice_hours,
                "timezone": clinic.timezone,
            }
        )

    def _slots(self, request: HttpRequest, at: datetime) -> HttpResponse:
        query = request.parameters(SLOT_PARAMETERS)
        if "date" not in query:
            raise invalid("date is required.")
        day = day_of("date", query.pop("date"))
        matches = filter_of(query)
        slots = [
            self._slot(window, day) for window in self._book.windows_on(day) if matches(window)
        ]
        return json_response({"success": True, "date": day.isoformat(), "slots": slots})

    def _slot(self, window: CalendarWindow, day: date) -> dict[str, Any]:
        slot = (window.branch_id, day, window.session)
        places, is_open = self._book.places(slot, window.batch), self._book.is_open(day, window)
        filled = self._book.filled(slot, window.batch)
        return {
            "slot_id": f"{window.calendar_id}:{day}",
            **asdict(window),
            "max_slots": places,
            "ai_slots": places,
            "filled_slots": filled,
            "available_slots": max(places - filled, 0) if is_open else 0,
            "status": "OPEN" if is_open else "CLOSED",
        }

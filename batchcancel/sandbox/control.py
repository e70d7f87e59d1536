"""The control surface for rehearsals, outside `/v1` and for this machine only."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from datetime import date
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batchcancel.sandbox.book import Book, Staff
from batchcancel.sandbox.faults import Fault, Faults
from batchcancel.sandbox.history import Arrival, History
from batchcancel.sandbox.keys import RateLimiter
from batchcancel.sandbox.wire import RefusedError

Endpoint = Callable[[Request], Awaitable[Response]]
_FAULT_FIELDS = frozenset(field.name for field in fields(Fault))


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What a rehearsal may look at and change."""

    book: Book
    staff: Staff
    faults: Faults
    history: History
    limiter: RateLimiter

    async def show_counts(self, request: Request) -> Response:
        return JSONResponse(
            {
                "appointments": self.book.by_status(),
                "requests": len(self.history),
                "rate_limited": self.history.rate_limited,
                "most_accepted_in_window": self.limiter.most_accepted,
                "most_arrivals_in_window": self.limiter.most_arrivals,
            }
        )

    async def show_history(self, request: Request) -> Response:
        return JSONResponse([_as_json(arrival) for arrival in self.history.arrivals])

    async def order_fault(self, request: Request) -> Response:
        asked = await request.json()
        described = {name: asked.pop(name) for name in _FAULT_FIELDS & asked.keys()}
        self.faults.add(Fault(**described), **asked)
        return JSONResponse({"ordered": described})

    async def change_as_staff(self, request: Request) -> Response:
        asked = await request.json()
        appointment_id = request.path_params["appointment_id"]
        staff = self.staff
        if asked["status"] == "rescheduled":
            record = staff.reschedule(appointment_id, date.fromisoformat(asked["date"]))
        else:
            actions = {
                "confirmed": staff.confirm,
                "completed": staff.complete,
                "cancelled": staff.cancel,
            }
            record = actions[asked["status"]](appointment_id)
        return JSONResponse(record.as_json())


def control_app(control: Control) -> Starlette:
    return Starlette(
        routes=[
            Route("/_sandbox/", _local(control.show_counts)),
            Route("/_sandbox/history", _local(control.show_history)),
            Route("/_sandbox/faults", _local(control.order_fault), methods=["POST"]),
            Route(
                "/_sandbox/appointments/{appointment_id}",
                _local(control.change_as_staff),
                methods=["POST"],
            ),
        ]
    )


def _local(endpoint: Endpoint) -> Endpoint:
    """Refuse callers from elsewhere, and answer a request that makes no sense with 400."""

    async def guarded(request: Request) -> Response:
        if request.client is None or not ip_address(request.client.host).is_loopback:
            return JSONResponse({"error": "This machine only."}, HTTPStatus.FORBIDDEN)
        try:
            return await endpoint(request)
        except RefusedError as refusal:
            return Response(
                refusal.response.body, refusal.response.status, media_type="application/json"
            )
        except (ValueError, TypeError, KeyError, AttributeError) as wrong:
            return JSONResponse(
                {"error": f"{type(wrong).__name__}: {wrong}"}, HTTPStatus.BAD_REQUEST
            )

    return guarded


def _as_json(arrival: Arrival) -> dict[str, Any]:
    return {**asdict(arrival), "at": arrival.at.isoformat(), "headers": dict(arrival.headers)}

"""The ASGI app, and the request cycle of the API: key, rate limit, fault, endpoint.

It is written in pure ASGI, so that the server's own `send` stays within reach.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp

from batchcancel.sandbox.api import Api
from batchcancel.sandbox.clock import DelayedCalls
from batchcancel.sandbox.effects import Injection, inject
from batchcancel.sandbox.faults import Fault, Faults
from batchcancel.sandbox.history import Arrival, History
from batchcancel.sandbox.keys import Allowance, Keys, RateLimiter
from batchcancel.sandbox.wire import (
    MOST_BODY,
    Connection,
    DisconnectedError,
    HttpRequest,
    HttpResponse,
    Receive,
    RefusedError,
    Send,
    error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Sends `/_sandbox/` to the control surface and everything else through the API's cycle."""

    api: Api
    control: ASGIApp
    keys: Keys
    limiter: RateLimiter
    allowance: Allowance
    faults: Faults
    history: History
    delayed: DelayedCalls
    seconds: Callable[[], float]
    now: Callable[[], datetime]

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError("The sandbox speaks HTTP only.")
        if scope["path"].startswith("/_sandbox/"):
            await self.control(scope, receive, send)
            return
        try:
            await _RequestCycle(self, Connection(receive, send), _head(scope)).run()
        except DisconnectedError:
            return


class _RequestCycle:
    """One request from its arrival to its response; it is processed at most once."""

    def __init__(self, app: App, connection: Connection, head: HttpRequest) -> None:
        self._app = app
        self._connection = connection
        self._request = head
        self._response: HttpResponse | None = None
        self._number = -1

    async def run(self) -> None:
        # The limit is decided on arrival: a body that trickles in must not move the request.
        refusal = self._arrive()
        body = await self._connection.read_body()
        self._request = replace(self._request, body=body)
        self._note(body=_body_to_note(self._request))
        if refusal is None and len(body) > MOST_BODY:
            refusal = error(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PAYLOAD_TOO_LARGE", "At most 1 MiB."
            )
        if refusal is not None:
            await self._connection.reply(self._stamp(refusal))
        elif fault := self._app.faults.take(self._request):
            await self._inject(fault)
        else:
            await self._connection.reply(self._stamp(self._process()))

    def _arrive(self) -> HttpResponse | None:
        app, request = self._app, self._request
        app.delayed.run_due()
        key = app.keys.known(request.headers.get("authorization", ""))
        self._request = replace(request, key=key)
        arrived = app.seconds()
        self._number = len(app.history)
        app.history.add(
            Arrival(
                number=self._number,
                arrived=arrived,
                at=app.now(),
                method=request.method,
                path=request.path,
                query=request.query,
                key=key,
                headers={k: v for k, v in request.headers.items() if k != "authorization"},
            )
        )
        if key is None:
            return error(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "The API key is not valid.")
        wait = app.limiter.admit(key, arrived)
        if wait > 0:
            return _too_many_requests(wait)
        spent = app.allowance.refuses(app.now().date())
        return error(HTTPStatus.FORBIDDEN, spent, "Nothing is left.") if spent else None

    async def _inject(self, fault: Fault) -> None:
        self._note(fault=fault.label)
        injection = Injection(
            fault=fault,
            connection=self._connection,
            process=self._process,
            dry_run=self._dry_run,
            process_later=lambda delay: self._app.delayed.call_later(delay, self._process),
            stamp=self._stamp,
            now=self._app.now,
        )
        await inject(injection)

    def _process(self, late_by: float = 0.0) -> HttpResponse:
        if self._response is None:
            at = self._app.now() - timedelta(seconds=late_by)
            self._response = self._app.api.answer(self._request, at=at)
            self._note(applied=self._response.changed)
        return self._response

    def _dry_run(self) -> HttpResponse:
        return self._app.api.answer(self._request.read_only(), at=self._app.now())

    def _stamp(self, response: HttpResponse) -> HttpResponse:
        """Note that the response goes out now, and date it."""
        self._note(status=response.status)
        date = format_datetime(self._app.now(), usegmt=True)
        return replace(response, headers=(*response.headers, ("date", date)))

    def _note(self, **known: object) -> None:
        self._app.history.update(self._number, **known)


def _head(scope: dict[str, Any]) -> HttpRequest:
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return HttpRequest(
        method=scope["method"],
        path=raw_path.decode("latin-1").partition("?")[0],
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]},
    )


def _too_many_requests(wait: float) -> HttpResponse:
    return error(
        HTTPStatus.TOO_MANY_REQUESTS,
        "RATE_LIMIT_EXCEEDED",
        "Too many requests for this key.",
        retry_after=str(max(1, math.ceil(wait))),
    )


def _body_to_note(request: HttpRequest) -> object:
    """Return the body for the history: as JSON, else as text, else nothing."""
    if not request.body:
        return None
    try:
        return request.json_body()
    except RefusedError:
        return request.body.decode(errors="replace")

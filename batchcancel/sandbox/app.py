"""A v1 request from its arrival to its answer: key, rate limit, fault, work."""

import math
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus

from batchcancel.sandbox.answers import Answer, RefusedError, error
from batchcancel.sandbox.call import Call
from batchcancel.sandbox.effects import Sender, Struck, strike
from batchcancel.sandbox.faults import Fault
from batchcancel.sandbox.history import Arrival
from batchcancel.sandbox.parts import Parts
from batchcancel.sandbox.wire import MOST_BODY, Exchange


class Visit:
    """One request's way through the sandbox; its work is done at most once."""

    def __init__(self, parts: Parts, exchange: Exchange, head: Call) -> None:
        self._parts = parts
        self._exchange = exchange
        self._call = head
        self._answer: Answer | None = None
        self._number = -1

    async def run(self) -> None:
        # The limit is decided on arrival: a body that trickles in must not move the request.
        refusal = self._arrive()
        body = await self._exchange.read_body()
        self._call = replace(self._call, body=body)
        self._know(body=_parsed(self._call))
        if refusal is None and len(body) > MOST_BODY:
            refusal = error(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PAYLOAD_TOO_LARGE", "At most 1 MiB."
            )
        if refusal is not None:
            await self._reply(refusal)
        elif fault := self._parts.faults.strike(self._call):
            await self._suffer(fault)
        else:
            await self._reply(self._work())

    def _arrive(self) -> Answer | None:
        parts, call = self._parts, self._call
        parts.later.catch_up()
        key = parts.keys.known(call.headers.get("authorization", ""))
        self._call = replace(call, key=key)
        arrived = parts.seconds()
        self._number = len(parts.history)
        parts.history.add(
            Arrival(
                number=self._number,
                arrived=arrived,
                at=parts.now(),
                method=call.method,
                path=call.path,
                query=call.query,
                key=key,
                headers={k: v for k, v in call.headers.items() if k != "authorization"},
            )
        )
        if key is None:
            return error(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", "The API key is not valid.")
        return _too_many(parts.windows[key].admit(arrived))

    async def _suffer(self, fault: Fault) -> None:
        self._know(fault=fault.label)
        struck = Struck(
            fault=fault,
            exchange=self._exchange,
            work=self._work,
            look=self._look,
            work_later=lambda delay: self._parts.later.add(delay, self._work),
            send=self._send,
            now=self._parts.now,
        )
        await strike(struck)

    def _work(self, late_by: float = 0.0) -> Answer:
        if self._answer is None:
            at = self._parts.now() - timedelta(seconds=late_by)
            self._answer = self._parts.api.answer(self._call, at=at)
            self._know(applied=self._answer.changed)
        return self._answer

    def _look(self) -> Answer:
        return self._parts.api.answer(self._call.without_change(), at=self._parts.now())

    async def _reply(self, answer: Answer) -> None:
        await self._send(answer, self._exchange.reply)

    async def _send(self, answer: Answer, sender: Sender) -> None:
        self._know(status=answer.status)
        date = format_datetime(self._parts.now(), usegmt=True)
        await sender(replace(answer, headers=(*answer.headers, ("date", date))))

    def _know(self, **known: object) -> None:
        self._parts.history.update(self._number, **known)


def _too_many(wait: float) -> Answer | None:
    if wait <= 0:
        return None
    return error(
        HTTPStatus.TOO_MANY_REQUESTS,
        "RATE_LIMIT_EXCEEDED",
        "Too many requests for this key.",
        retry_after=str(max(1, math.ceil(wait))),
    )


def _parsed(call: Call) -> object:
    """Return the body for the history: as JSON, else as text, else nothing."""
    if not call.body:
        return None
    try:
        return call.json_body()
    except RefusedError:
        return call.body.decode(errors="replace")

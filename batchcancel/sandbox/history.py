"""The access log: every request that arrived, what was answered and whether it changed a record."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request; `status` stays None when no answer was sent.

    `arrived` is in seconds of the sandbox's clock, `at` is its wall clock. `key` is None unless
    the key is known, and `headers` lack the authorization. `fault` names the fault it met.
    `applied` says whether it changed a record, however late.
    """

    number: int
    arrived: float
    at: datetime
    method: str
    path: str
    query: str
    key: str | None
    headers: Mapping[str, str]
    body: Any = None
    status: int | None = None
    fault: str | None = None
    applied: bool = False


class History:
    """The arrivals in order; each is replaced as more becomes known about it."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._arrivals)

    @property
    def arrivals(self) -> list[Arrival]:
        return list(self._arrivals)

    def add(self, arrival: Arrival) -> None:
        self._arrivals.append(arrival)

    def update(self, number: int, **known: Any) -> None:
        # A late change may be noted from the thread that looks, while the server notes the answer.
        with self._lock:
            self._arrivals[number] = replace(self._arrivals[number], **known)

    def patches(self, appointment_id: str | None = None) -> list[Arrival]:
        """Return the PATCH requests, of one appointment or of all."""
        end = f"/appointments/{appointment_id or ''}"
        return [
            arrival
            for arrival in self._arrivals
            if arrival.method == "PATCH" and (appointment_id is None or arrival.path.endswith(end))
        ]

    def answered(self, status: int) -> list[Arrival]:
        return [arrival for arrival in self._arrivals if arrival.status == status]

    @property
    def rate_limited(self) -> int:
        """Return how many 429 were answered, by the rate limit or by a fault."""
        return len(self.answered(HTTPStatus.TOO_MANY_REQUESTS))

"""A request as it arrived, read to its end."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from batchcancel.sandbox.answers import invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    key: str | None = None

    def parameters(self, allowed: frozenset[str]) -> dict[str, str]:
        """Return the query's fields, each known and given once."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        found = dict(pairs)
        if len(found) < len(pairs):
            raise invalid("A query parameter was given twice.")
        if unknown := found.keys() - allowed:
            raise invalid(f"Unknown query parameters: {', '.join(sorted(unknown))}.")
        return found

    def json_object(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object sent as `application/json`."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise invalid("The body must be sent as application/json.")
        content = self.json_body()
        if not isinstance(content, dict):
            raise invalid("The body must be a JSON object.")
        return content

    def json_body(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise invalid("The body is not valid JSON.") from None

    def without_change(self) -> "Call":
        """Return a call with the same answer that changes nothing: a PATCH becomes a GET."""
        return replace(self, method="GET") if self.method == "PATCH" else self

    @property
    def appointment_id(self) -> str | None:
        """Return the id in the path, or None when it names no single appointment."""
        head, _, appointment_id = self.path.rpartition("/")
        return appointment_id if head == "/v1/appointments" and appointment_id else None

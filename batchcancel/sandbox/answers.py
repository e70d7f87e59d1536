"""What goes back over the wire, in the envelopes of the API page."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    body: bytes
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    changed: bool = False
    """Whether a record was changed to give this answer; not sent."""


class RefusedError(Exception):
    """The request is refused, with the status and code the client sees."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = error(status, code, message)


def error(status: int, code: str, message: str, **headers: str) -> Answer:
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    return json_answer({"error": {"code": code, "message": message}}, status=status, headers=named)


def data(content: Any, **beside: Any) -> Answer:
    return json_answer({"success": True, "data": content, **beside})


def json_answer(
    content: Any, *, status: int = HTTPStatus.OK, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    body = json.dumps(content, separators=(",", ":")).encode()
    return Answer(status=status, body=body, headers=headers)


def invalid(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.BAD_REQUEST, "VALIDATION_ERROR", message)


def not_found(message: str) -> RefusedError:
    return RefusedError(HTTPStatus.NOT_FOUND, "NOT_FOUND", message)

"""The sandbox as an ASGI app, spoken in pure ASGI so that the raw `send` stays within reach."""

from typing import Any

from starlette.types import ASGIApp

from batchcancel.sandbox.app import Visit
from batchcancel.sandbox.call import Call
from batchcancel.sandbox.parts import Parts
from batchcancel.sandbox.wire import Exchange, GoneError, Receive, Send


class App:
    """Sends `/_sandbox/` to the control surface and everything else to the API."""

    def __init__(self, parts: Parts, control: ASGIApp) -> None:
        self._parts = parts
        self._control = control

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError("The sandbox speaks HTTP only.")
        if scope["path"].startswith("/_sandbox/"):
            await self._control(scope, receive, send)
            return
        try:
            await Visit(self._parts, Exchange(receive, send), _head(scope)).run()
        except GoneError:
            return


def _head(scope: dict[str, Any]) -> Call:
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return Call(
        method=scope["method"],
        path=raw_path.decode("latin-1").partition("?")[0],
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]},
    )

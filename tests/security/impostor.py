"""An API that answers what it was told to, in front of the sandbox."""

import json


class Impostor:
    """Takes over the answers to some methods; the sandbox gives the others."""

    def __init__(self, inner, answers, *, headers=()):
        self._inner = inner
        self._answers = answers
        self._headers = headers

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] not in self._answers:
            await self._inner(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        status, content = self._answers[scope["method"]]
        body = json.dumps(content).encode()
        headers = [(b"content-length", str(len(body)).encode()), *self._headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

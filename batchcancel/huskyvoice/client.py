"""HTTP client on httpx transports: one connection per request in flight, no redirects.

Each request in flight has a transport of its own with one connection; all share one TLS context. A
shared pool gets slower with every connection, and a wait for one that is cancelled loses its slot
for good (encode/httpcore#1093). Transports are used without `httpx.AsyncClient`: no cookies, no
redirects, no log of addresses, and a tenth less work for each request.
"""

import json
import re
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Self

import anyio
import httpx

from batchcancel import __version__
from batchcancel.api import Answer, Meaning, Request
from batchcancel.clock import ServerClock
from batchcancel.errors import FatalAnswer
from batchcancel.huskyvoice.answers import http_date, is_own, parsed, read_answer

LARGEST_BODY = 1 << 20
"""An answer is cut at 1 MiB; what is longer is unreadable."""

_ID = re.compile(r"[A-Za-z0-9_\-]{1,64}", re.ASCII)

NewTransport = Callable[[], httpx.AsyncBaseTransport]


def transports(*, is_secure: bool, proxy: str | None = None) -> NewTransport:
    """Transports with one connection each and a common TLS context, through `proxy` if it is given.

    A secure one trusts the well-known authorities that httpx brings, and this machine's own, and
    writes no keys of its connections down, whatever SSLKEYLOGFILE says; another trusts nobody.
    """
    if is_secure:
        # No environment: a proxy in cron's or Airflow's must not get the key.
        context = httpx.create_ssl_context(trust_env=False)
        context.keylog_filename = None  # type: ignore[assignment]  # takes None too, and closes it
        context.load_default_certs()
    else:  # for HTTP on this machine: to read all authorities takes as long as a small plan
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return lambda: httpx.AsyncHTTPTransport(
        verify=context, trust_env=False, limits=limits, proxy=proxy
    )


class HuskyVoice:
    """The API behind `base_url` (which ends with its version, `/v1`), for one key.

    `timeout` bounds a whole request, from the connection to the last byte, in seconds. The `Date`
    of every answer sets `clock`.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        timeout: float,
        clock: ServerClock,
        new_transport: NewTransport | None = None,
        proxy: str | None = None,
    ) -> None:
        self._base = httpx.URL(base_url.rstrip("/"))
        self._timeout = timeout
        self._clock = clock
        self._new_transport = new_transport or transports(
            is_secure=self._base.scheme == "https" or proxy is not None, proxy=proxy
        )
        self._extensions = {"timeout": httpx.Timeout(timeout).as_dict()}
        self._idle: list[httpx.AsyncBaseTransport] = []
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "Cache-Control": "no-cache",  # what a cache kept says nothing of a row in doubt
            "Accept-Encoding": "identity",
            "User-Agent": f"batchcancel/{__version__}",
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        async with AsyncExitStack() as stack:
            for transport in self._idle:
                stack.push_async_callback(_close, transport)
            self._idle.clear()

    async def send(self, request: Request) -> Answer:
        """Send one request and parse the response; a `Send`."""
        transport = self._idle.pop() if self._idle else self._new_transport()
        is_reusable = False
        try:
            # httpx has no total timeout: a dripping body would never trip its read timeout.
            with anyio.fail_after(self._timeout):
                answer = await self._round_trip(transport, request)
            is_reusable = True
        except (TimeoutError, httpx.TimeoutException):
            return Answer(meaning=Meaning.UNKNOWN, code="time_out")
        except (httpx.HTTPError, OSError) as error:
            return _broken(error)
        else:
            return answer
        finally:
            # After a failure the connection may hold half an answer, or be dead: never again.
            if is_reusable:
                self._idle.append(transport)
            else:
                await _close(transport)

    async def _round_trip(self, transport: httpx.AsyncBaseTransport, request: Request) -> Answer:
        asked = self._clock.steady()
        response = await transport.handle_async_request(self._build(request))
        answered = self._clock.steady()
        try:
            body = await _capped(aiter(response.stream))  # type: ignore[arg-type]  # it is async
        finally:
            await response.aclose()
        status, headers = response.status_code, response.headers
        content = parsed(_unpacked(body, headers.get("content-encoding")))
        # Before it is read: a refused key's answer stops the run, and tells the time all the same.
        if (date := http_date(headers.get("date"))) is not None:
            is_theirs = is_own(status, headers, content)
            self._clock.told(date, asked=asked, answered=answered, is_own=is_theirs)
        now = self._clock.earliest()  # so that no Retry-After with a date is cut short
        return read_answer(request, status=status, headers=headers, content=content, now=now)

    def _build(self, request: Request) -> httpx.Request:
        path = self._base.path + _path(request)
        url = self._base.copy_with(path=path, params=request.query or None)
        # Quoting is not enough: `..` would collapse the path, and another resource be patched.
        if url.raw_path.partition(b"?")[0] != path.encode("ascii"):
            raise ValueError(f"the path {path!r} would not be sent as it is")
        more = {"Content-Type": "application/json"} if request.ask.writes else {}
        return httpx.Request(
            request.ask.method,
            url,
            headers=self._headers | more,
            content=_body(request) if request.ask.writes else None,
            extensions=self._extensions,
        )


def _path(request: Request) -> str:
    if not request.ask.is_of_one:
        return request.ask.path
    if request.appointment_id is None or not _ID.fullmatch(request.appointment_id):
        raise ValueError(f"{request.appointment_id!r} is no appointment id")
    return request.ask.path.format(id=request.appointment_id)


def _body(request: Request) -> bytes:
    notes = {} if request.notes is None else {"notes": request.notes}
    return json.dumps({"status": request.ask.status, **notes}, separators=(",", ":")).encode()


async def _capped(stream: AsyncIterator[bytes]) -> bytes:
    """The whole body; empty, and so unreadable, when it is longer than `LARGEST_BODY`."""
    body = bytearray()
    try:
        async for chunk in stream:
            body += chunk
            if len(body) > LARGEST_BODY:
                return b""
    finally:
        if isinstance(stream, AsyncGenerator):  # left half way, nobody else would close it
            await stream.aclose()
    return bytes(body)


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    """Some gateways compress whatever is asked for; what unpacks to more than that is empty."""
    if encoding != "gzip":
        return body
    unpacking = zlib.decompressobj(wbits=31)
    with suppress(zlib.error):
        whole = unpacking.decompress(body, LARGEST_BODY)
        return whole if unpacking.eof else b""
    return body


def _broken(error: Exception) -> Answer:
    # By the root: httpx wraps what httpcore raises, which wraps what ssl raises.
    root = _root(error)
    if isinstance(root, ssl.SSLCertVerificationError):
        raise FatalAnswer(
            "the server's TLS certificate is not valid for this address",
            hint="Check --base-url and the network: the key was not sent.",
        ) from None
    if isinstance(error, httpx.ProxyError):
        return Answer(meaning=Meaning.UNKNOWN, code="proxy")
    if not isinstance(error, httpx.ConnectError):
        return Answer(meaning=Meaning.UNKNOWN, code="connection_lost")
    return Answer(meaning=Meaning.UNKNOWN, code=_why_unconnected(root))


def _why_unconnected(root: BaseException) -> str:
    match root:
        case socket.gaierror(errno=socket.EAI_NONAME):
            return "no_such_name"
        case socket.gaierror():
            return "name_service"
        case ConnectionRefusedError():
            return "connection_refused"
        case ssl.SSLError():
            return "tls"
    return "no_connection"


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    # A name may have several addresses, and each of them fails.
    return _root(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def _close(transport: httpx.AsyncBaseTransport) -> None:
    """Close within a second; shielded, for an await in a cancelled scope would end at once."""
    with anyio.move_on_after(1.0, shield=True):
        await transport.aclose()

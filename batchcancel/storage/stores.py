"""Each scheme's file system, with the arguments that make one download exact and bounded.

Credentials and addresses of stores are found as usual by each library: in the environment, in its
configuration, or from the machine it runs on.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Any

from batchcancel.errors import InputError

_CONNECT = 10.0
_SILENCE = 30.0


def open_store(scheme: str) -> Any:
    """The file system of a scheme; `InputError` when its extra is not installed."""
    try:
        import fsspec

        store = fsspec.filesystem(scheme, skip_instance_cache=True, **_ARGUMENTS[scheme]())
    except ImportError:
        raise InputError(
            f"manifests at {scheme}:// need the extra {scheme}, which is not installed",
            hint=f"Type: pip install 'batchcancel[{scheme}]'",
        ) from None
    if scheme == "s3":
        # A second reading goes on in the middle, of what may by then be another object.
        store.retries = 1
    return store


def _s3() -> dict[str, Any]:
    return {
        "version_aware": True,
        "max_concurrency": 1,
        "config_kwargs": {"connect_timeout": _CONNECT, "read_timeout": _SILENCE},
    }


def _gs() -> dict[str, Any]:
    return {"access": "read_only", "project": ""}


def _az() -> dict[str, Any]:
    return {"connection_timeout": _CONNECT, "read_timeout": _SILENCE}


def _https() -> dict[str, Any]:
    return {"get_client": _session, "encoded": True}


async def _session(**given: Any) -> Any:
    """A session that takes the bytes as they are, and follows no redirect away from TLS."""
    import aiohttp

    async def over_tls(request: Any, send: Any) -> Any:
        if request.url.scheme != "https":
            raise aiohttp.NonHttpUrlRedirectClientError(request.url)
        return await send(request)

    usual: dict[str, Any] = {
        "connector": aiohttp.TCPConnector(ssl=ssl.create_default_context()),
        "auto_decompress": False,
        "headers": {"Accept-Encoding": "identity"},
        "timeout": aiohttp.ClientTimeout(sock_connect=_CONNECT, sock_read=_SILENCE),
    }
    return aiohttp.ClientSession(**usual | given, middlewares=(over_tls,))


_ARGUMENTS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "s3": _s3,
    "gs": _gs,
    "az": _az,
    "https": _https,
}

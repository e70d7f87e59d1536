"""The fsspec file system of each scheme, set up so that one transfer is exact and bounded.

Each library finds credentials and endpoints as it always does: in the environment, in its
configuration, or from the machine it runs on.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Any

from batchcancel.errors import InputError

_CONNECT = 10.0
_SILENCE = 30.0  # seconds without a byte; the whole download is bounded by whoever starts it


def open_store(scheme: str, *, writes: bool = False) -> Any:
    """The fsspec file system of a scheme; `InputError` when its extra is not installed."""
    try:
        return _gs(access="read_write") if writes and scheme == "gs" else _STORES[scheme]()
    except ImportError:
        raise InputError(
            f"files at {scheme}:// need the extra {scheme}, which is not installed",
            hint=f"In the checkout, type: pip install -e '.[{scheme}]'",
        ) from None


def _s3() -> Any:
    from s3fs import S3FileSystem

    store = S3FileSystem(
        version_aware=True,
        max_concurrency=1,
        config_kwargs={"connect_timeout": _CONNECT, "read_timeout": _SILENCE},
        skip_instance_cache=True,
    )
    # A retry would go on in the middle, of what may by then be another object.
    store.retries = 1
    return store


def _gs(access: str = "read_only") -> Any:
    # The package's own front asks by gRPC first what kind of bucket it is, and waits for minutes.
    from gcsfs.core import GCSFileSystem

    return GCSFileSystem(access=access, project="", skip_instance_cache=True)


def _az() -> Any:
    from adlfs import AzureBlobFileSystem

    return AzureBlobFileSystem(
        connection_timeout=_CONNECT, read_timeout=_SILENCE, skip_instance_cache=True
    )


def _https() -> Any:
    from fsspec.implementations.http import HTTPFileSystem

    return HTTPFileSystem(get_client=_session, encoded=True, skip_instance_cache=True)


async def _session(**given: Any) -> Any:
    """A session that decodes nothing, and follows no redirect away from TLS.

    Keys of its connections are not written down, whatever SSLKEYLOGFILE says.
    """
    import aiohttp

    context = ssl.create_default_context()
    context.keylog_filename = None  # type: ignore[assignment]  # takes None too, and closes it

    async def over_tls(request: Any, send: Any) -> Any:
        if request.url.scheme != "https":
            raise aiohttp.NonHttpUrlRedirectClientError(request.url)
        return await send(request)

    usual: dict[str, Any] = {
        "connector": aiohttp.TCPConnector(ssl=context),
        "auto_decompress": False,
        "headers": {"Accept-Encoding": "identity"},
        "timeout": aiohttp.ClientTimeout(sock_connect=_CONNECT, sock_read=_SILENCE),
    }
    return aiohttp.ClientSession(**usual | given, middlewares=(over_tls,))


_STORES: Mapping[str, Callable[[], Any]] = {"s3": _s3, "gs": _gs, "az": _az, "https": _https}

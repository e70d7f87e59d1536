"""Error translation for object stores: their own messages may hold secrets."""

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from batchcancel.addresses import Source
from batchcancel.errors import BatchcancelError, InputError, StoppedEarly

_CREDENTIALS = {
    "s3": "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and what it needs",
    "https": "the signature in the address, which may have expired",
}
_FOR_GOOD: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("{missing} {source}", "Check the address."),
    "forbidden": (
        "{source} may not be {read} with the credentials that were found",
        "Check {credentials}.",
    ),
    "certificate": (
        "{source} cannot be {fetched}: the certificate of its server is not valid",
        "Check the address, and the authorities this machine trusts.",
    ),
    "redirected": (
        "{source} leads away from https, where the manifest could be changed on its way",
        "Name the address it leads to, with https.",
    ),
    "too_large": ("{source} is larger than 1 GiB, which no manifest is", "Check the address."),
    "unusable": ("{source} cannot be {fetched}: {kind}", "Check the address and {credentials}."),
}
_FOR_NOW: Final[Mapping[str, str]] = {
    "no_tls": "{source} cannot be {fetched}: what answers there does not speak TLS",
    "no_name": "{source} cannot be {fetched}: the name of its host is not known here",
    "refused": "{source} cannot be {fetched}: its host refuses the connection",
    "silent": "{source} cannot be {fetched}: the store does not answer, or not to the end",
    "cut_short": "{source} came in another size than the store announced",
}
"""Later the same command may work."""

_WORDS = {
    False: {"missing": "there is no manifest at", "read": "read", "fetched": "fetched"},
    True: {
        **dict.fromkeys(("read", "fetched"), "written"),
        "missing": "there is no bucket or container for",
    },
}
_SO_FAR = {False: "Nothing was sent.", True: "It was written whole or not at all."}
"""By whether something was to be written."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_FORBIDDEN = 403
_STATUSES = {
    404: "missing", 401: "forbidden", _FORBIDDEN: "forbidden",
    **dict.fromkeys((408, 425, 429, *range(500, 1000)), "silent"),
}  # fmt: skip
_NAMES = {
    **dict.fromkeys((
        "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError",
        "TokenRetrievalError", "ProfileNotFound", "SSOError", "GoogleAuthError",
        "ClientAuthenticationError", "PermissionError",
    ), "forbidden"),
    **dict.fromkeys((
        "TimeoutError", "ConnectionError", "gaierror",  # Python's own
        "ClientConnectionError", "ClientPayloadError",  # aiohttp
        "HTTPClientError", "ConnectionClosedError", "ResponseStreamingError",  # botocore
        "ServiceRequestError", "ServiceResponseError", "TransportError",  # azure, google
    ), "silent"),
    "NonHttpUrlClientError": "redirected", "FileNotFoundError": "missing",
}  # fmt: skip
"""By name, so that no library is loaded to look for its errors; a name covers its subclasses."""


def trouble(what: str, source: Source, *, kind: str = "", writes: bool = False) -> BatchcancelError:
    """The error for one of the ways in which a manifest cannot be had, or an output written."""
    words = {"source": source, "kind": kind, **_WORDS[writes]}
    if what in _FOR_NOW:
        return StoppedEarly(
            _FOR_NOW[what].format(**words),
            hint=f"{_SO_FAR[writes]} Check the network and the address, then run the same command.",
        )
    says, hint = _FOR_GOOD[what]
    so_far = "Nothing was written." if writes else _SO_FAR[writes]
    return InputError(
        says.format(**words),
        hint=f"{hint.format(credentials=_CREDENTIALS[source.scheme])} {so_far}",
    )


def no_room(error: OSError) -> InputError:
    """The temporary file cannot be written."""
    return InputError(
        f"the manifest cannot be put in a temporary file: {error.strerror}",
        hint="Make room, or name another folder with TMPDIR. Nothing was sent.",
    )


def store_error(source: Source, error: Exception, *, writes: bool = False) -> BatchcancelError:
    """The error to raise for what a library raised about the source."""
    found = list(_chain(error))
    full = [one for one in found if isinstance(one, OSError) and one.errno in _NO_ROOM]
    if full:
        return no_room(full[0])
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in found):
        return trouble("certificate", source, writes=writes)
    # The outermost knows best what it means: what it came from may be one of several tries.
    what = next(filter(None, map(_meaning, found)), "unusable")
    if what == "silent":
        what = next(filter(None, map(_why_out_of_reach, found)), what)
    return trouble(what, source, kind=type(error).__name__, writes=writes)


def _meaning(error: BaseException) -> str | None:
    told = {_STATUSES.get(_http_status(error))}
    told |= {_NAMES.get(kind.__name__) for kind in type(error).__mro__}
    ranked = ("redirected", "missing", "silent", "forbidden")
    return next((what for what in ranked if what in told), None)


def _why_out_of_reach(error: BaseException) -> str | None:
    if isinstance(error, socket.gaierror):
        return "no_name"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    return "no_tls" if isinstance(error, ssl.SSLError) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, and those it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _http_status(error: BaseException) -> int:
    """The HTTP status that an exception carries; 0 where it carries none."""
    answer: Any = getattr(error, "response", None)
    if isinstance(answer, dict):
        return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    for name in ("status", "status_code", "code"):
        told = getattr(error, name, None)
        if isinstance(told, int | str) and str(told).isdigit():
            return int(told)
    # gcsfs tells this one status in words alone.
    return _FORBIDDEN if str(error).startswith("Forbidden: ") else 0

"""Error translation for object stores: their own messages may hold secrets."""

import errno
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

from batchcancel.addresses import Source
from batchcancel.errors import BatchcancelError, InputError, StoppedEarly

_CREDENTIALS = {
    "s3": "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and what it needs",
    "https": "the signature in the address, which may have expired",
}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_NOT_FOUND = 404
_FORBIDDEN = 403
_NOT_ALLOWED = {401, _FORBIDDEN}
_BUSY = {408, 425, 429}
_FIRST_SERVER_ERROR = 500

# By name, so that no library is loaded to look for its errors; a name covers its subclasses.
_NO_CREDENTIALS = {
    "PermissionError", "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError",
    "TokenRetrievalError", "ProfileNotFound", "SSOError", "GoogleAuthError",
    "ClientAuthenticationError",
}  # fmt: skip
_OUT_OF_REACH = {
    "TimeoutError", "ConnectionError", "gaierror",  # Python's own
    "ClientConnectionError", "ClientPayloadError",  # aiohttp
    "HTTPClientError", "ConnectionClosedError", "ResponseStreamingError",  # botocore
    "ServiceRequestError", "ServiceResponseError", "TransportError",  # azure, google
}  # fmt: skip


def store_error(source: Source, error: Exception) -> BatchcancelError:
    """The error to raise for what a library raised about the source."""
    found = list(_chain(error))
    for one in found:
        if isinstance(one, OSError) and one.errno in _NO_ROOM:
            return no_room(one)
    return _by_chain(source, error, found)


def _by_chain(source: Source, error: Exception, found: Sequence[BaseException]) -> BatchcancelError:
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in found):
        return _certificate(source)
    # The outermost knows best what it means: what it came from may be one of several tries.
    told = (_in_words(source, one) for one in found)
    return next(filter(None, told), _unusable(source, error))


def _in_words(source: Source, error: BaseException) -> BatchcancelError | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    status = _http_status(error)
    if "NonHttpUrlClientError" in names:
        return _redirected(source)
    if "FileNotFoundError" in names or status == _NOT_FOUND:
        return _missing(source)
    if status in _BUSY or status >= _FIRST_SERVER_ERROR or names & _OUT_OF_REACH:
        return out_of_reach(source)
    if status in _NOT_ALLOWED or names & _NO_CREDENTIALS:
        return _forbidden(source)
    return None


def out_of_reach(source: Source) -> StoppedEarly:
    """A passing failure: later it may work."""
    return StoppedEarly(
        f"{source} cannot be fetched: the store does not answer, or not to the end",
        hint="Nothing was sent. Check the network and the address, then run the same command.",
    )


def cut_short(source: Source) -> StoppedEarly:
    return StoppedEarly(
        f"{source} came in another size than the store announced",
        hint="Nothing was sent. Run the same command again.",
    )


def no_room(error: OSError) -> InputError:
    """The temporary file cannot be written."""
    return InputError(
        f"the manifest cannot be put in a temporary file: {error.strerror}",
        hint="Make room, or name another folder with TMPDIR. Nothing was sent.",
    )


def _missing(source: Source) -> InputError:
    return InputError(
        f"there is no manifest at {source}", hint="Check the address. Nothing was sent."
    )


def _forbidden(source: Source) -> InputError:
    return InputError(
        f"{source} may not be read with the credentials that were found",
        hint=f"Check {_CREDENTIALS[source.scheme]}. Nothing was sent.",
    )


def _certificate(source: Source) -> InputError:
    return InputError(
        f"{source} cannot be fetched: the certificate of its server is not valid",
        hint="Check the address, and the authorities this machine trusts. Nothing was sent.",
    )


def _redirected(source: Source) -> InputError:
    return InputError(
        f"{source} leads away from https, where the manifest could be changed on its way",
        hint="Name the address it leads to, with https. Nothing was sent.",
    )


def _unusable(source: Source, error: Exception) -> InputError:
    return InputError(
        f"{source} cannot be fetched: {type(error).__name__}",
        hint=f"Check the address and {_CREDENTIALS[source.scheme]}. Nothing was sent.",
    )


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

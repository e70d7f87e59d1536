"""Errors of libraries that need not be installed here, by their names and their statuses."""

import errno

import pytest

from batchcancel.addresses import source_of
from batchcancel.errors import InputError, StoppedEarly
from batchcancel.reader.store_errors import store_error

SOURCE = source_of("gs://closures/monday.csv")


def raised(name, base=Exception, **said):
    """An exception as a library names it, with a canary in its text."""
    error = type(name, (base,), {})("canary")
    for attribute, value in said.items():
        setattr(error, attribute, value)
    return error


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (raised("HttpError", code=404), InputError, "there is no manifest"),
        (raised("HttpError", code="403"), InputError, "may not be read"),
        (raised("HttpError", code=503), StoppedEarly, "does not answer"),
        (raised("HttpResponseError", status_code=403), InputError, "may not be read"),
        (raised("HttpResponseError", status_code=409), InputError, "HttpResponseError"),
        (raised("Odd", code="canary"), InputError, "cannot be fetched: Odd"),
        (raised("X", raised("GoogleAuthError").__class__), InputError, "may not be read"),
        (raised("ClientAuthenticationError"), InputError, "may not be read"),
        (raised("TransportError", raised("GoogleAuthError").__class__), StoppedEarly, "answer"),
        (raised("ServiceRequestError"), StoppedEarly, "does not answer"),
        (ConnectionResetError("canary"), StoppedEarly, "does not answer"),
        (TimeoutError("canary"), StoppedEarly, "does not answer"),
        (OSError("Forbidden: canary"), InputError, "may not be read"),
        (PermissionError("canary"), InputError, "may not be read"),
        (ValueError("canary"), InputError, "cannot be fetched: ValueError"),
        (OSError(errno.EINVAL, "canary"), InputError, "cannot be fetched: OSError"),
        (OSError(errno.ENOSPC, "No space left"), InputError, "temporary file: No space left"),
        (
            caused(
                OSError(errno.EBUSY, "canary"),
                raised("E", response={"ResponseMetadata": {"HTTPStatusCode": 503}}),
            ),
            StoppedEarly,
            "does not answer",
        ),
    ],
    ids=repr,
)
def test_each_library_is_understood_and_none_of_their_texts_is_repeated(error, kind, sentence):
    found = store_error(SOURCE, error)

    assert kind is type(found)
    assert sentence in found.message
    assert "canary" not in found.message + found.hint

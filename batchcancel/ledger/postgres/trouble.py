"""What an error of PostgreSQL means to the person who has to do something about it.

A server's own code tells, whatever language it speaks. Nothing that was said of a connection is
ever repeated: it may quote what must not show.
"""

import os
import re
import select
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import errors, pq
from psycopg.conninfo import conninfo_to_dict

from batchcancel.clock import Stopwatch
from batchcancel.ledger.statements import Diagnosis


class Closed(psycopg.InterfaceError):
    """The ledger was closed by us."""


_RESUME = "then run the same command again."
_MISTAKES = {
    "25006": ("is read-only, as a standby is", "Name the primary server with --ledger."),
    "28000": ("does not let this user in from here", "Check the user, and its pg_hba.conf."),
    "28P01": ("does not accept this user and password", "Check PGPASSWORD or ~/.pgpass."),
    "3D000": ("is not there", "Check the name of the database."),
    "42501": ("does not let this user do that", f"Grant it what the README names, {_RESUME}"),
    "42P01": ("lacks a table of the ledger", "Restore the schema batchcancel from a backup."),
}
_TROUBLES = {
    "53100": ("has no room left on its disk", f"Free some space on the server, {_RESUME}"),
    "53300": ("has no connection left", f"A run needs two: let it have them, {_RESUME}"),
    "55P03": ("is locked by another transaction", f"Wait until that has finished, {_RESUME}"),
    "57014": ("did not answer in time", f"Find out what keeps the server busy, {_RESUME}"),
    "57P03": ("is starting or stopping", f"Wait until it runs, {_RESUME}"),
}
_TROUBLED = ("08", "40", "53", "55", "57", "58")
"""Classes of codes: connection, rollback, resources, state, operators, the system."""

_LOST = Diagnosis(
    "cannot be reached",
    "See that the server runs and the network lets you through, unless this machine slept. "
    f"{_RESUME.capitalize()}",
    is_trouble=True,
)
_LONGEST_S = 5.0
_UNDER_WAY = {pq.PollingStatus.READING, pq.PollingStatus.WRITING}
_TLS_REQUEST = struct.pack("!ii", 8, 80877103)
_ROOT = "Name the authority's certificate with ?sslrootcert=FILE, or sslrootcert=system."
# What libpq and psycopg say themselves is never translated. The first that is found counts.
_OURS = {
    "failed to resolve|translate host name": ("is on a host nobody knows", "Check its name."),
    "definition of service": ("has a service that no file defines", "Check PGSERVICEFILE."),
    "root certificate file": ("cannot prove who it is: there is no root certificate here", _ROOT),
    "not match host name|host name in serv": ("has a certificate for another host", _ROOT),
    "does not support SSL": ("has no TLS, and sslmode asks for it", "Turn it on, or sslmode down."),
    "no password supplied": ("wants a password", "Give it in PGPASSWORD or ~/.pgpass."),
    "certificate|private key|channel b": ("does not take our TLS", "Check sslcert and sslkey."),
    "Permission denied|invalid|must be": ("has an address that cannot be used", "Check the URL."),
}

_PASSING = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.TooManyConnections,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,  # a standby, which is promoted in a moment
)


def diagnose(error: psycopg.Error) -> Diagnosis:
    """What an error means over a connection that was made."""
    if isinstance(error, Closed):
        return Diagnosis("was closed", "This is a defect of batchcancel.")
    if "statement pooling" in str(error):  # PgBouncer's own words
        return Diagnosis(
            "is behind a pooler that keeps no transaction together",
            "Set pool_mode=transaction (or session) in PgBouncer, for this database.",
        )
    if found := _by_code(error.sqlstate or ""):
        return found
    if is_lost(error):
        return _LOST
    return Diagnosis(f"cannot be used ({type(error).__name__})", "Look into the server's log.")


def _by_code(code: str) -> Diagnosis | None:
    """What an SQLSTATE means that is known by itself, or by its class."""
    if code in _MISTAKES:
        return Diagnosis(*_MISTAKES[code])
    if code in _TROUBLES:
        return Diagnosis(*_TROUBLES[code], is_trouble=True)
    if code.startswith(_TROUBLED):
        return _LOST
    if code:
        return Diagnosis(f"cannot be used (SQLSTATE {code})", "Look into the server's log.")
    return None


def is_lost(error: psycopg.Error) -> bool:
    """The connection broke, or could not be made: the server may be starting again."""
    if isinstance(error, Closed | errors.QueryCanceled | errors.DiskFull):
        return False
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def is_passing(error: psycopg.Error) -> bool:
    """The same once more may succeed, in a moment."""
    return isinstance(error, _PASSING) or is_lost(error)


@contextmanager
def write_failures(name: str) -> Iterator[None]:
    """Whatever the database refused, nothing more may be sent."""
    try:
        yield
    except psycopg.Error as error:
        raise diagnose(error).as_failed_write(name) from error


def refused_connection(error: psycopg.Error, info: str) -> Diagnosis:
    """Why a server was not connected to at all."""
    said = str(error)
    if "certificate verify failed" in said:
        return _untrusted(info)
    for words, (meaning, hint) in _OURS.items():
        if re.search(words, said) and "FATAL" not in said:
            return Diagnosis(meaning, f"{hint} Nothing was sent.")
    return _by_code(_code_of(info)) or _LOST


def _code_of(info: str) -> str:
    """The SQLSTATE with which the server refuses, empty where it says none.

    libpq keeps no code of a connection that was not made, but shows what passes on the wire.
    """
    if not hasattr(os, "memfd_create"):
        return ""
    waited, seen = Stopwatch(), os.memfd_create("refusal")
    connection = pq.PGconn.connect_start(info.encode())
    connection.trace(os.dup(seen))
    while (state := connection.connect_poll()) in _UNDER_WAY and waited.seconds() < _LONGEST_S:
        on = [connection.socket]
        is_reading = state == pq.PollingStatus.READING
        select.select(on if is_reading else [], [] if is_reading else on, [], 0.1)
    connection.untrace()
    connection.finish()
    with os.fdopen(seen, "rb") as wire:
        wire.seek(0)
        told = re.findall(rb'\tB\t\d+\tErrorResponse\t.*? C "([0-9A-Z]{5})"', wire.read())
    return told[-1].decode() if told else ""


def _untrusted(info: str) -> Diagnosis:
    """Which check its certificate does not stand: libpq does not say."""
    told = {name: str(one).split(",")[0] for name, one in conninfo_to_dict(info).items() if one}
    why = "by whom it was signed"
    with suppress(OSError, ValueError):
        known = told.get("sslrootcert") or Path("~/.postgresql/root.crt").expanduser()
        context = ssl.create_default_context(cafile=None if known == "system" else known)
        context.check_hostname = False
        address = told.get("hostaddr") or told["host"], int(told.get("port", "5432"))
        with socket.create_connection(address, _LONGEST_S) as line:
            line.sendall(_TLS_REQUEST)
            line.recv(1)
            try:
                context.wrap_socket(line).close()
            except ssl.SSLCertVerificationError as error:
                why = error.verify_message
    meaning = f"has a certificate that does not prove who it is ({why})"
    return Diagnosis(meaning, f"{_ROOT} Nothing was sent.")

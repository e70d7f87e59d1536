"""Why a server was not connected to at all: by its own code, whatever language it speaks."""

import os
import re
import select
import socket
import ssl
import struct
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from batchcancel.clock import Stopwatch
from batchcancel.ledger.postgres.trouble import by_code, lost
from batchcancel.ledger.statements import Diagnosis

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


def refused_connection(error: psycopg.Error, info: str) -> Diagnosis:
    """Never repeats what was said: it may quote what must not show."""
    said = str(error)
    if "certificate verify failed" in said:
        return _untrusted(info)
    for words, (meaning, hint) in _OURS.items():
        if re.search(words, said) and "FATAL" not in said:
            return Diagnosis(meaning, f"{hint} Nothing was sent.")
    return by_code(_code_of(info)) or lost("See that the server runs and lets you through.")


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

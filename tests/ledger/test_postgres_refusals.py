"""Why a server was not connected to: mistakes end with 2 and troubles with 5, in any language."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress

import pytest

from batchcancel.errors import InputError, StoppedEarly
from batchcancel.ledger.postgres.ledger import read_postgres
from tests.certificates import self_signed
from tests.postgres import PASSWORD

TLS_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class Guard:
    """A server that lets nobody in: it answers for TLS, and refuses with a code, in Russian."""

    def __init__(self, code, *, tls=b"N", context=None):
        self._code, self._tls, self._context = code, tls, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def url(self, **parameters):
        told = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://u:{PASSWORD}@127.0.0.1:{self.port}/db?{told}"

    def _serve(self):
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                with suppress(OSError), line:
                    self._refuse(line)

    def _refuse(self, line):
        said = line.recv(1000)
        if said == TLS_REQUEST:
            line.sendall(self._tls)
            if self._context is not None:
                line = self._context.wrap_socket(line, server_side=True)
        with line:
            if said == TLS_REQUEST:
                line.recv(1000)
            line.sendall(self._refusal())

    def _refusal(self):
        fields = {"S": "ВАЖНО", "V": "FATAL", "C": self._code, "M": f"нет: {PASSWORD}"}
        body = b"".join(f"{one}{text}\0".encode() for one, text in fields.items()) + b"\0"
        return b"E" + (len(body) + 4).to_bytes(4, "big") + body


@contextmanager
def refused(kind, match):
    with pytest.raises(kind, match=match) as refusal:
        yield refusal
    assert refusal.value.hint
    assert PASSWORD not in f"{refusal.value.message}{refusal.value.hint}"


@pytest.mark.parametrize(
    ("code", "kind", "match"),
    [
        ("28P01", InputError, "does not accept this user and password"),
        ("28000", InputError, "does not let this user in"),
        ("3D000", InputError, "is not there"),
        ("42501", InputError, "does not let this user do that"),
        ("22023", InputError, "SQLSTATE 22023"),
        ("53300", StoppedEarly, "has no connection left"),
        ("57P03", StoppedEarly, "is starting or stopping"),
        ("08006", StoppedEarly, "cannot be reached"),
    ],
)
def test_the_code_tells_whatever_language_the_server_speaks(code, kind, match):
    with refused(kind, match):
        read_postgres(Guard(code).url(sslmode="disable"))


def test_tls_that_is_asked_of_a_server_without_is_a_mistake():
    with refused(InputError, "has no TLS"):
        read_postgres(Guard("28000").url(sslmode="require"))


def test_to_prove_who_a_server_is_a_root_certificate_is_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with refused(InputError, "no root certificate") as refusal:
        read_postgres(Guard("28000", tls=b"S").url(sslmode="verify-full"))
    assert "sslrootcert=" in refusal.value.hint


@pytest.fixture
def secured(tmp_path_factory):
    """A server with a certificate, and how to connect where that is the only one trusted."""

    def secured(subject, *, days, is_trusted=True):
        folder, others = (
            self_signed(tmp_path_factory.mktemp("tls"), subject, days=one) for one in (days, 9)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        trusted = folder if is_trusted else others
        root = trusted / "certificate.pem"
        guard = Guard("28P01", tls=b"S", context=context)
        return guard.url(sslmode="verify-full", sslrootcert=root)

    return secured


@pytest.mark.parametrize(
    ("subject", "how", "match"),
    [
        ("IP:127.0.0.1", {"days": -1}, "expired"),
        ("IP:127.0.0.1", {"days": 9, "is_trusted": False}, "self.signed"),
        ("DNS:elsewhere.example", {"days": 9}, "certificate for another host"),
        ("IP:127.0.0.1", {"days": 9}, "does not accept this user and password"),
    ],
)
def test_it_is_told_what_a_certificate_lacks(secured, subject, how, match):
    with refused(InputError, match):
        read_postgres(secured(subject, **how))


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ("service=nowhere", "a service that no file defines"),
        ("sslmode=perhaps", "cannot be used"),
        ("port=x", "cannot be used"),
        ("connect_timeout=soon", "no URL of a PostgreSQL database"),
    ],
)
def test_what_cannot_be_an_address_is_a_mistake(parameters, match):
    with refused(InputError, match):
        read_postgres(f"postgresql://u:{PASSWORD}@127.0.0.1/db?{parameters}")

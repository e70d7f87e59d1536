"""TLS with a wrong certificate, and names without an address: nothing of a request is sent."""

import asyncio
import socket
import ssl
import time

import pytest

from batchcancel.api import Ask, Request
from batchcancel.clock import ServerClock, utc_now
from batchcancel.errors import FatalAnswer
from batchcancel.huskyvoice.client import HuskyVoice
from tests.certificates import self_signed
from tests.faults.hostile import answer, serving

pytestmark = pytest.mark.promise(5)

CANCEL = Request(ask=Ask.CANCEL, appointment_id="a1")
RIGHT, WRONG = "IP:127.0.0.1", "DNS:elsewhere.example"


@pytest.fixture(scope="module")
def new_certificate(tmp_path_factory):
    """Make a self-signed certificate and its key, in one folder."""

    def new_certificate(subject, *, days):
        return self_signed(tmp_path_factory.mktemp("certificate"), subject, days=days)

    return new_certificate


def cancel(folder):
    """Cancel through a server with that certificate: what came of it, and what the server read."""

    async def cancel():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        async with serving({"a1": answer()}, ssl=context) as server:
            return await sent(server.url), server.requests

    return asyncio.run(cancel())


async def sent(url):
    client = HuskyVoice(
        base_url=url,
        key="sk_live_1",
        timeout=5,
        clock=ServerClock(steady=time.monotonic, now=utc_now),
    )
    async with client as api:
        try:
            return (await api.send(CANCEL)).code
        except FatalAnswer as fatal:
            return fatal.message


@pytest.mark.parametrize(
    ("subject", "days", "is_trusted"),
    [(RIGHT, 1, False), (WRONG, 1, True), (RIGHT, -1, True)],
    ids=["nobody vouches for it", "it is for another address", "it has expired"],
)
def test_a_certificate_that_is_not_valid_is_fatal_and_nothing_is_sent(
    new_certificate, monkeypatch, subject, days, is_trusted
):
    folder = new_certificate(subject, days=days)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "certificate.pem"))
    outcome, requests = cancel(folder)

    assert "certificate is not valid" in outcome
    assert [] == requests


def test_a_certificate_that_is_valid_for_the_address_is_enough(new_certificate, monkeypatch):
    folder = new_certificate(RIGHT, days=1)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "certificate.pem"))
    outcome, requests = cancel(folder)

    assert ("200", 1) == (outcome, len(requests))


def test_the_keys_of_a_connection_are_not_written_down_whatever_a_variable_says(
    new_certificate, monkeypatch, tmp_path
):
    folder, log = new_certificate(RIGHT, days=1), tmp_path / "keys.log"
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "certificate.pem"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    outcome, _ = cancel(folder)

    assert "200" == outcome
    assert "CLIENT" not in (log.read_text() if log.exists() else "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no_such_name"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "name_service"),
    ],
    ids=["unknown for good", "unknown for now"],
)
def test_a_name_that_does_not_exist_is_told_from_one_that_cannot_be_looked_up_now(
    monkeypatch, error, code
):
    def lookup(*_words, **_named):
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    assert asyncio.run(sent("https://nobody.invalid/v1")) == code

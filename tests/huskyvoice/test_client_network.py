"""The client as it is configured by default, over real sockets of this machine."""

import socket
import time

import pytest

from batchcancel.api import Ask, Meaning, Request
from batchcancel.clock import ServerClock, utc_now
from batchcancel.huskyvoice.client import HuskyVoice
from batchcancel.sandbox import FULL_KEY, Clinic, Sandbox, serving

pytestmark = pytest.mark.anyio

READ = Request(ask=Ask.READ, appointment_id="appt_000001")


@pytest.fixture
def anyio_backend():
    return "asyncio"  # real sockets need real time


@pytest.fixture
def url():
    with serving(Sandbox(Clinic(appointments=1))) as url:
        yield url


@pytest.fixture
def deaf_port():
    """A port of this machine on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def ask(base_url):
    clock = ServerClock(steady=time.monotonic, now=utc_now)
    client = HuskyVoice(base_url=base_url, key=FULL_KEY, timeout=5, clock=clock)
    async with client as api:
        return await api.send(READ)


async def test_the_sandbox_answers(url):
    assert (await ask(url)).meaning is Meaning.PROVED


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_a_proxy_of_the_environment_gets_nothing(url, deaf_port, monkeypatch, name):
    for other in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, f"http://127.0.0.1:{deaf_port}")

    assert (await ask(url)).meaning is Meaning.PROVED


async def test_a_netrc_of_the_environment_replaces_no_key(url, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))

    assert (await ask(url)).meaning is Meaning.PROVED


async def test_nobody_listening_is_told_from_other_trouble(deaf_port):
    assert (await ask(f"http://127.0.0.1:{deaf_port}/v1")).code == "connection_refused"


async def test_plain_http_on_the_other_end_of_tls_is_trouble_with_tls(url):
    assert (await ask(url.replace("http:", "https:"))).code == "tls"

"""What leaves this machine: exactly this, and nothing else."""

import json

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel import __version__
from batchcancel.api import Ask, Meaning, Request
from batchcancel.errors import FatalAnswer
from tests.huskyvoice.wire import CANCEL, KEY, NOW, READ, Wire, response

pytestmark = pytest.mark.anyio

QUERY = {"date": "2026-06-15", "page": "1", "limit": "200"}


async def sent(request: Request, *, base_url: str = "https://h.example/v1") -> httpx.Request:
    wire = Wire()
    async with wire.client(base_url=base_url) as api:
        await api.send(request)
    (one,) = wire.requests
    return one


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (READ, "/appointments/a1"),
        (Request(ask=Ask.SEARCH), "/appointments"),
        (Request(ask=Ask.SEARCH, query=QUERY), "/appointments?date=2026-06-15&page=1&limit=200"),
        (Request(ask=Ask.CONFIG), "/appointment-config"),
        (Request(ask=Ask.WINDOWS, query={"date": "2026-06-15"}),
         "/appointment-slots/availability?date=2026-06-15"),
    ],
)  # fmt: skip
async def test_every_question_is_a_get_without_a_body(request_, path):
    request = await sent(request_)

    assert (request.method, request.url.raw_path.decode()) == ("GET", f"/v1{path}")
    assert request.content == b""


async def test_the_path_of_the_address_stands_before_the_question():
    request = await sent(CANCEL, base_url="http://localhost:4010/proxy/v1/")
    assert str(request.url) == "http://localhost:4010/proxy/v1/appointments/a1"


@pytest.mark.parametrize(
    ("name", "notes", "body"),
    [
        ("a", None, {"status": "cancelled"}),
        ("A-1_b", "Praxis zu ☎", {"status": "cancelled", "notes": "Praxis zu ☎"}),
        ("-", "", {"status": "cancelled", "notes": ""}),
        ("0" * 64, None, {"status": "cancelled"}),
    ],
)
async def test_a_cancellation_is_a_patch_of_its_appointment_with_the_status_and_the_notes_given(
    name, notes, body
):
    request = await sent(Request(ask=Ask.CANCEL, appointment_id=name, notes=notes))

    assert ("PATCH", f"https://h.example/v1/appointments/{name}") == (
        request.method,
        str(request.url),
    )
    assert body == json.loads(request.content)
    assert request.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("request_", [CANCEL, READ], ids=["cancel", "read"])
async def test_every_request_says_who_asks_and_wants_plain_json(request_):
    headers = (await sent(request_)).headers

    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["User-Agent"] == f"batchcancel/{__version__}"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Accept"] == "application/json"
    assert headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [None, "", ".", "..", "../x", "a/b", "a b", "a.b", "a?x=1", "a#b", "%2e%2e", "a%2Fb", "ä",
     "a\n", "a\0", "\u0661", "x" * 65, "a;b", "a:b", "a@b", "\\"],
)  # fmt: skip
@pytest.mark.parametrize("ask", [Ask.CANCEL, Ask.READ])
async def test_any_other_id_is_an_error_and_nothing_is_sent(name, ask):
    wire = Wire()
    async with wire.client() as api:
        with pytest.raises(ValueError, match="no appointment id"):
            await api.send(Request(ask=ask, appointment_id=name))

    assert wire.requests == []
    assert all(line.is_closed for line in wire.lines)


@settings(deadline=None)
@given(value=st.text())
def test_a_query_never_leaves_its_place(value):
    request = anyio.run(sent, Request(ask=Ask.SEARCH, query={"date": value}))

    assert request.url.path == "/v1/appointments"
    assert list(request.url.params.multi_items()) == [("date", value)]


async def test_a_redirect_is_not_followed():
    async def elsewhere(request: httpx.Request) -> httpx.Response:
        return response(307, location="https://elsewhere.example/")

    wire = Wire(elsewhere)
    async with wire.client() as api:
        with pytest.raises(FatalAnswer, match="redirects"):
            await api.send(CANCEL)

    assert len(wire.requests) == 1


async def test_an_answer_is_judged():
    async with Wire().client() as api:
        answer = await api.send(CANCEL)

    assert (answer.meaning, answer.record.appointment_id) == (Meaning.PROVED, "a1")


async def test_this_machines_clock_stands_in_for_a_missing_date():
    in_a_minute = NOW.replace(minute=1).strftime("%a, %d %b %Y %H:%M:%S GMT")

    async def busy(request: httpx.Request) -> httpx.Response:
        return response(429, retry_after=in_a_minute)

    async with Wire(busy).client() as api:
        assert (await api.send(CANCEL)).retry_after == 60

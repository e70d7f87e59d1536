import json
from datetime import UTC, datetime

import pytest

from batchcancel.api import Answer, Ask, Meaning, Request
from batchcancel.errors import FatalAnswer, ScopeMissing
from batchcancel.huskyvoice.answers import read_answer

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
DATE = "Mon, 01 Jun 2026 06:00:00 GMT"
CANCEL = Request(ask=Ask.CANCEL, appointment_id="a1")
READ = Request(ask=Ask.READ, appointment_id="a1")
EVERY_ASK = [CANCEL, READ, *(Request(ask=ask) for ask in (Ask.SEARCH, Ask.CONFIG, Ask.WINDOWS))]


def error(code: object) -> bytes:
    return json.dumps({"error": {"code": code, "message": "no"}}).encode()


def answer(status: int, body: bytes = b"", *, request=CANCEL, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return read_answer(request, status=status, headers=named, body=body, now=NOW)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, Meaning.REFUSED),
        (402, Meaning.REFUSED),
        (405, Meaning.REFUSED),
        (408, Meaning.UNKNOWN),
        (409, Meaning.REFUSED),
        (410, Meaning.REFUSED),
        (422, Meaning.REFUSED),
        (429, Meaning.BUSY),
        (499, Meaning.REFUSED),
        (500, Meaning.UNKNOWN),
        (502, Meaning.UNKNOWN),
        (503, Meaning.UNKNOWN),
        (504, Meaning.UNKNOWN),
        (599, Meaning.UNKNOWN),
        (600, Meaning.UNKNOWN),
        (100, Meaning.UNKNOWN),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", error("SOME_CODE")], ids=["none", "page", "json"])
def test_a_status_has_one_meaning_whatever_its_body_says(status, meaning, body):
    assert meaning is answer(status, body).meaning


@pytest.mark.parametrize("body", [error("NOT_FOUND"), b"{}"])
def test_a_404_of_the_api_says_that_there_is_no_such_appointment(body):
    assert answer(404, body).meaning is Meaning.ABSENT


@pytest.mark.parametrize("body", [b"", b"<html>not found</html>", b"null", b"[]", b'"NOT_FOUND"'])
def test_a_404_that_is_not_the_apis_own_says_nothing(body):
    assert answer(404, body).meaning is Meaning.UNKNOWN


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("request_", EVERY_ASK, ids=lambda one: one.ask)
def test_a_redirect_is_fatal(status, request_):
    with pytest.raises(FatalAnswer, match=f"redirects .status {status}") as fatal:
        answer(status, location="https://elsewhere.example/", request=request_)

    assert "elsewhere" not in str(fatal.value)


@pytest.mark.parametrize("body", [b"", error("UNAUTHORIZED"), error("INSUFFICIENT_SCOPE")])
@pytest.mark.parametrize("request_", EVERY_ASK, ids=lambda one: one.ask)
def test_a_401_is_fatal_and_says_where_the_key_is_read_from(request_, body):
    with pytest.raises(FatalAnswer, match="rejects the key") as fatal:
        answer(401, body, request=request_)

    assert "HUSKYVOICE_API_KEY" in fatal.value.hint


@pytest.mark.parametrize(
    ("ask", "scope", "instead"),
    [
        (Ask.CANCEL, "appointments:write", "write appointments"),
        (Ask.READ, "appointments:read", "--notice-hours 0"),
        (Ask.SEARCH, "appointments:read", "read appointments"),
        (Ask.CONFIG, "appointments:read", "--timezone"),
        (Ask.WINDOWS, "slots:read", "[sessions]"),
    ],
)
def test_a_missing_scope_is_named_and_what_does_without_it(ask, scope, instead):
    request = Request(ask=ask, appointment_id="a1")
    with pytest.raises(ScopeMissing) as missing:
        answer(403, error("INSUFFICIENT_SCOPE"), request=request)

    assert missing.value.scope == scope
    assert instead in missing.value.hint


@pytest.mark.parametrize(
    ("body", "code"),
    [(error("CANCELLATION_NOT_ALLOWED"), "CANCELLATION_NOT_ALLOWED"), (b"", "403")],
)
def test_any_other_403_refuses_this_row_alone(body, code):
    refused = answer(403, body)
    assert (refused.meaning, refused.code) == (Meaning.REFUSED, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (error("SLOT_FULL"), "SLOT_FULL"),
        (b'{"error": "SLOT_FULL"}', "SLOT_FULL"),
        (error("A" * 64), "A" * 64),
    ],
)
def test_an_error_code_is_taken_over(body, code):
    assert code == answer(422, body).code


@pytest.mark.parametrize(
    "code",
    ["", "A" * 65, "SLOT FULL", "\x1b[31mRED", "A\nB", "A\n", "=cmd()", "Ä", "+91 98765", "a@b.c",
     None, 7, ["A"], {"a": 1}, True],
)  # fmt: skip
def test_a_code_that_may_hold_anything_is_replaced_by_the_status(code):
    assert answer(422, error(code)).code == "422"


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"7", b"\xff\xfe", b'{"error": null}', b"[" * 100_000]
)
def test_a_body_of_any_other_shape_is_replaced_by_the_status(body):
    assert answer(422, body).code == "422"


@pytest.mark.parametrize("status", [429, 503, 500])
def test_retry_after_is_taken_over(status):
    assert answer(status, retry_after="17").retry_after == 17


def test_a_retry_after_date_counts_from_the_answers_date():
    busy = answer(429, retry_after="Mon, 01 Jun 2026 07:00:10 GMT", date=DATE.replace("06", "07"))
    assert busy.retry_after == 10


def test_a_retry_after_date_counts_from_now_without_a_date():
    assert answer(429, retry_after="Mon, 01 Jun 2026 06:00:10 GMT").retry_after == 10


@pytest.mark.parametrize(("date", "server_now"), [(DATE, NOW), ("yesterday", None), ("", None)])
@pytest.mark.parametrize("status", [200, 404, 429, 500])
def test_the_servers_clock_is_its_date(status, date, server_now):
    assert server_now == answer(status, b"{}", date=date).server_now


@pytest.mark.parametrize("status", [429, 500, 408])
def test_only_what_may_go_better_is_worth_retrying(status):
    assert answer(status).is_worth_retrying


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_what_would_go_the_same_is_not_worth_retrying(status):
    assert not answer(status, b"{}").is_worth_retrying

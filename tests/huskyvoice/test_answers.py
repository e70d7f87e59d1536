import json
from datetime import UTC, datetime

import pytest

from batchcancel.api import Answer, Ask, Meaning, Request
from batchcancel.errors import (
    BatchcancelError,
    CreditsSpent,
    FatalAnswer,
    ScopeMissing,
    StoppedEarly,
)
from batchcancel.huskyvoice.answers import parsed, read_answer

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
DATE = "Mon, 01 Jun 2026 06:00:00 GMT"
CANCEL = Request(ask=Ask.CANCEL, appointment_id="a1")
READ = Request(ask=Ask.READ, appointment_id="a1")
OF_NO_ROW = [Request(ask=ask) for ask in (Ask.SEARCH, Ask.CONFIG, Ask.WINDOWS)]
EVERY_ASK = [CANCEL, READ, *OF_NO_ROW]


def error(code: object) -> bytes:
    return json.dumps({"error": {"code": code, "message": "no"}}).encode()


def answer(status: int, body: bytes = b"", *, request=CANCEL, **headers: str) -> Answer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return read_answer(request, status=status, headers=named, content=parsed(body), now=NOW)


FOREIGN = [b"", b"<html>", b"{}", b"null", b"[]", b'"NOT_FOUND"', b'{"error": "NOT_FOUND"}',
           b'{"code": "NOT_FOUND"}', b'{"message": "no Route matched"}', error(None),
           error("not found"), b"7", b"\xff\xfe", b'{"error": null}', b"[" * 100_000]  # fmt: skip
"""Bodies that are not the API's own envelope with a code."""


OF_A_ROW = pytest.mark.parametrize("request_", [CANCEL, READ], ids=lambda one: one.ask)
OF_NONE = pytest.mark.parametrize("request_", OF_NO_ROW, ids=lambda one: one.ask)
OF_ANY = pytest.mark.parametrize("request_", EVERY_ASK, ids=lambda one: one.ask)
PASSING = {100, 405, 408, 421, 423, 425, 451, 499, 500, 502, 503, 504, 599, 600}
REFUSING = {400, 403, 409, 410, 412, 422}


@OF_A_ROW
def test_such_a_status_has_one_meaning_whatever_its_body_says(request_):
    expected = dict.fromkeys(PASSING, Meaning.UNKNOWN) | {429: Meaning.BUSY}
    for body in [*FOREIGN, error("SOME_CODE"), error("NOT_FOUND")]:
        said = {status: answer(status, body, request=request_).meaning for status in expected}
        assert (body, expected) == (body, said)


@OF_A_ROW
@pytest.mark.parametrize("code", ["CANCELLATION_NOT_ALLOWED", "A" * 64])
def test_a_row_is_refused_or_absent_by_the_apis_own_envelope_with_a_code(request_, code):
    said = {status: answer(status, error(code), request=request_) for status in REFUSING}
    assert dict.fromkeys(REFUSING, (Meaning.REFUSED, code)) == {
        status: (one.meaning, one.code) for status, one in said.items()
    }
    assert answer(404, error("NOT_FOUND"), request=request_).meaning is Meaning.ABSENT


@OF_A_ROW
@pytest.mark.parametrize("body", FOREIGN)
def test_what_is_not_the_apis_own_envelope_says_nothing_of_a_row(body, request_):
    said = {status: answer(status, body, request=request_) for status in REFUSING | {404}}
    assert {status: (Meaning.UNKNOWN, str(status)) for status in said} == {
        status: (one.meaning, one.code) for status, one in said.items()
    }


def test_a_404_with_another_code_says_nothing_of_a_row():
    assert answer(404, error("NO_SUCH_ROUTE")).meaning is Meaning.UNKNOWN


@OF_NONE
def test_any_json_may_refuse_a_question_that_is_about_no_row(request_):
    for status in REFUSING - {409, 410, 412} | {404, 405, 418}:
        for body in [b"{}", b'{"message": "no Route matched"}', error("NOT_FOUND")]:
            refused = answer(status, body, request=request_)
            assert (status, body, Meaning.REFUSED) == (status, body, refused.meaning)


@OF_NONE
@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"<html>"), (403, b""), (400, b"null"), (408, b"{}"), (425, b"{}"), (500, b"{}")],
)
def test_pages_and_what_passes_refuse_no_question(status, body, request_):
    assert answer(status, body, request=request_).meaning is Meaning.UNKNOWN


@OF_ANY
def test_a_402_stops_the_run_whatever_its_body_says(request_):
    for body in [*FOREIGN, error("PAYMENT_REQUIRED"), error("NOT_FOUND")]:
        with pytest.raises(StoppedEarly, match="credits or a quota are used up"):
            answer(402, body, request=request_)


def test_a_code_that_speaks_of_credentials_does_not():
    assert answer(403, error("STALE_CREDENTIAL")).meaning is Meaning.REFUSED


@pytest.mark.parametrize(
    ("date", "left"),
    [
        (DATE, "in 18 h 0 min"),
        ("Mon, 01 Jun 2026 23:59:30 GMT", "in 0 h 0 min"),
        ("Tue, 02 Jun 2026 00:00:00 GMT", "in 24 h 0 min"),
        ("Tue, 02 Jun 2026 01:15:00 +0530", "in 4 h 15 min"),
        ("", "in 18 h 0 min"),
    ],
)
def test_it_is_told_when_a_daily_quota_is_there_again_by_the_servers_clock(date, left):
    with pytest.raises(StoppedEarly) as stopped:
        answer(402, date=date)

    assert left in stopped.value.hint


@OF_ANY
def test_a_redirect_is_fatal(request_):
    for status in (300, 301, 302, 303, 304, 307, 308):
        with pytest.raises(FatalAnswer, match=f"redirects .status {status}") as fatal:
            answer(status, location="https://elsewhere.example/", request=request_)
        assert "elsewhere" not in str(fatal.value)


@pytest.mark.parametrize("body", [b"", error("UNAUTHORIZED"), error("INSUFFICIENT_SCOPE")])
@OF_ANY
def test_a_401_is_fatal_and_says_where_the_key_is_read_from(request_, body):
    with pytest.raises(FatalAnswer, match="rejects the key") as fatal:
        answer(401, body, request=request_)

    assert "HUSKYVOICE_API_KEY" in fatal.value.hint


@pytest.mark.parametrize(
    ("ask", "scope", "instead"),
    [
        (Ask.CANCEL, "appointments:write", "write appointments"),
        (Ask.READ, "appointments:read", "--notice-hours is 0"),
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
    "code",
    ["", "A" * 65, "SLOT FULL", "\x1b[31mRED", "A\nB", "A\n", "=cmd()", "Ä", "+91 98765", "a@b.c",
     None, 7, ["A"], {"a": 1}, True],
)  # fmt: skip
def test_a_code_that_may_hold_anything_is_replaced_by_the_status(code):
    assert answer(422, error(code)).code == "422"


@pytest.mark.parametrize(
    ("asked", "date", "seconds"),
    [
        ("17", "", 17),
        ("Mon, 01 Jun 2026 07:00:10 GMT", DATE.replace("06", "07"), 10),
        ("Mon, 01 Jun 2026 06:00:10 GMT", "", 10),
    ],
)
@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_retry_after_counts_from_the_answers_date_or_else_from_now(status, asked, date, seconds):
    assert answer(status, retry_after=asked, date=date).retry_after == seconds


@pytest.mark.parametrize(("date", "server_now"), [(DATE, NOW), ("yesterday", None), ("", None)])
@pytest.mark.parametrize("status", [200, 404, 429, 500])
def test_the_servers_clock_is_its_date(status, date, server_now):
    assert server_now == answer(status, b"{}", date=date).server_now


@pytest.mark.parametrize(
    ("status", "body", "is_worth_it"),
    [(429, b"", True), (500, b"", True), (408, b"", True), (403, b"", True),
     *((status, error("NOT_FOUND"), False) for status in (400, 403, 404, 409, 422))],
)  # fmt: skip
def test_only_what_may_go_better_is_worth_retrying(status, body, is_worth_it):
    assert is_worth_it == answer(status, body).is_worth_retrying


@pytest.mark.parametrize("status", [200, 400, 403, 409, 429, 500, 503])
@pytest.mark.parametrize(
    "code", ["INSUFFICIENT_CREDITS", "QUOTA_EXCEEDED", "BILLING_SUSPENDED", "PAYMENT_OVERDUE",
             "insufficient_credits", "QuotaExceeded", "payment-overdue"],
)  # fmt: skip
def test_a_code_that_speaks_of_credits_stops_the_run_in_any_letters_and_place(status, code):
    for body in ({"error": {"code": code, "message": "no"}}, {"code": code}, {"error": code}):
        with pytest.raises(CreditsSpent, match=code):
            answer(status, json.dumps(body).encode(), retry_after="9")


@OF_ANY
def test_a_success_that_is_denied_for_want_of_credits_stops_the_run(request_):
    denied = {"success": False, "error": {"code": "INSUFFICIENT_CREDITS"}, "data": None}
    with pytest.raises(CreditsSpent):
        answer(200, json.dumps(denied).encode(), request=request_)


@pytest.mark.parametrize("status", [400, 409, 410, 412, 422])
@pytest.mark.parametrize("code", ["PAYMENT_CAPTURED", "PAYMENT_REFUNDED", "PREPAYMENT_RECEIVED"])
def test_a_code_that_speaks_of_a_payment_made_is_about_its_row_alone(status, code):
    try:
        refused = answer(status, error(code))
    except CreditsSpent:
        refused = None
    assert refused is not None
    assert (Meaning.REFUSED, code) == (refused.meaning, refused.code)


@pytest.mark.parametrize("status", [403, 429])
def test_a_403_or_a_429_that_speaks_of_any_payment_stops_the_run(status):
    with pytest.raises(CreditsSpent):
        answer(status, error("PAYMENT_CAPTURED"))


@pytest.mark.parametrize(
    ("status", "body", "leaves_doubt"),
    [(401, b"", False), (403, error("INSUFFICIENT_SCOPE"), False), (402, b"<html>", False),
     (302, b"", True)],
)  # fmt: skip
def test_what_stops_the_run_tells_whether_it_may_have_been_applied(status, body, leaves_doubt):
    with pytest.raises(BatchcancelError) as stopped:
        answer(status, body)
    assert leaves_doubt == stopped.value.leaves_doubt

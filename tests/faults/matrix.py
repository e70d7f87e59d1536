"""The fault matrix: what meets the cancellation of one appointment, and how it ends.

Read a row as: when this happens once, the row ends like that, and the run with that exit code;
when it happens every time, like that; and the same command after the trouble is over, like that.
Promises are those of the README that the row would break if it ended otherwise.
"""

import ssl
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from tests.faults.strikes import (
    DRIPPING,
    SILENT,
    SILENT_AFTERWARDS,
    ZIPPED,
    Strike,
    lost,
    record,
    status,
    text,
)

End = tuple[str, int]
"""What became of the row, and the exit code."""


@dataclass(frozen=True, slots=True)
class Ends:
    once: End
    always: End
    afterwards: End


PROVED = Ends(("cancelled", 0), ("cancelled", 0), ("cancelled", 0))
UNKNOWN = Ends(("cancelled", 0), ("gave_up", 4), ("cancelled", 0))
HIDDEN = Ends(("cancelled", 0), ("cancelled", 0), ("cancelled", 0))
"""The change was made, and the answer does not tell: the read before the next attempt does."""
REFUSED = Ends(("refused", 4), ("refused", 4), ("refused", 4))
ABSENT = Ends(("not_found", 4), ("not_found", 4), ("not_found", 4))
FATAL = Ends(("open", 7), ("open", 7), ("cancelled", 0))
REJECTED = Ends(("waiting", 7), ("waiting", 7), ("cancelled", 0))
STOPPED = Ends(("open", 5), ("open", 5), ("cancelled", 0))
SPENT = Ends(("waiting", 5), ("waiting", 5), ("cancelled", 0))
TURNED_AWAY = Ends(("cancelled", 0), ("waiting", 5), ("cancelled", 0))


@dataclass(frozen=True, slots=True)
class Row:
    fault: str
    strike: Strike
    ends: Ends
    promises: tuple[int, ...]
    waits: float | None = None
    """Seconds until the next attempt, where they are certain."""


def _named(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase if code in set(HTTPStatus) else 'nameless'}"


def _statuses(codes: str, ends: Ends, *promises: int) -> list[Row]:
    return [Row(_named(int(code)), status(int(code)), ends, promises) for code in codes.split()]


ELSEWHERE = ("Location", "https://elsewhere.example/v1/appointments/a00002")
HTML = b"<!doctype html><title>Not here</title>"
GATEWAYS = {"message": "no Route matched with those values"}

SUCCESSES = [
    *(Row(f"{_named(code)} with the record", record(code), PROVED, (3,))
      for code in (200, 201, 202, 203, 206, 226, 299)),
    *(Row(f"{_named(code)} without a body", status(code, b""), UNKNOWN, (3,))
      for code in (200, 202, 204, 205)),
]  # fmt: skip

REDIRECTS = [
    *(Row(f"{_named(code)} to elsewhere", status(code, b"", ELSEWHERE), FATAL, (5, 15, 16))
      for code in (300, 301, 302, 303, 304, 305, 306, 307, 308, 399)),
    Row("307 to the same path", status(307, b"", ("Location", "?")), FATAL, (5, 16)),
    Row("308 to nowhere", status(308, b""), FATAL, (5, 16)),
]  # fmt: skip

REFUSALS = [
    Row("401 in JSON", status(401, error="UNAUTHORIZED"), REJECTED, (16,)),
    Row("401 of a proxy", status(401, HTML), REJECTED, (16,)),
    Row("403 for want of a scope", status(403, error="INSUFFICIENT_SCOPE"), REJECTED, (16,)),
    Row("403 of the clinic's rules", status(403, error="NOT_ALLOWED"), REFUSED, (16,)),
    Row("403 of a firewall", status(403, HTML), UNKNOWN, (3, 16)),
    Row("403 of a gateway", status(403, GATEWAYS), UNKNOWN, (3, 16)),
    Row("404 of the API", status(404, error="NOT_FOUND"), ABSENT, (16,)),
    Row("404 of a proxy", status(404, HTML), UNKNOWN, (3, 16)),
    Row("404 of a gateway", status(404, GATEWAYS), UNKNOWN, (3, 16)),
    Row("404 of an empty object", status(404, {}), UNKNOWN, (3, 16)),
    Row("404 with a code that is not in its place", status(404, {"error": "NOT_FOUND"}), UNKNOWN,
        (3, 16)),
    Row("404 with another code", status(404, error="NO_SUCH_ROUTE"), UNKNOWN, (3, 16)),
    Row("404 without a body", status(404, b""), UNKNOWN, (3, 16)),
    Row("402 with a page", status(402, HTML), SPENT, (16,)),
    *_statuses("402", SPENT, 16),
    *(Row(f"{code} for want of credits", status(code, error="INSUFFICIENT_CREDITS"), SPENT, (16,))
      for code in (400, 403, 500)),
    Row("429 of a daily quota", status(429, None, ("Retry-After", "9"), error="QUOTA_EXCEEDED"),
        SPENT, (16,)),
    Row("200 that denies success for want of credits",
        text('{"success": false, "error": {"code": "insufficient_credits"}}', is_applied=False),
        SPENT, (3, 16)),
    Row("422 of a payment for this one", status(422, error="PAYMENT_CAPTURED"), REFUSED, (16,)),
    *_statuses("400 409 410 412 422", REFUSED, 16),
    *(Row(f"{code} of a proxy", status(code, HTML), UNKNOWN, (3, 16))
      for code in (400, 405, 409, 410, 412, 422)),
    *_statuses("405 406 407 408 411 413 414 415 416 417 418 421 423 424 425", UNKNOWN, 3, 9, 16),
    *_statuses("426 428 431 451 499", UNKNOWN, 3, 9, 16),
]  # fmt: skip

FAILURES = [
    *_statuses("500 501 502 503 504 505 506 507 508 510 511", UNKNOWN, 3, 9),
    *_statuses("520 521 522 523 524 525 526 527 530 540 561 598 599 600 999", UNKNOWN, 3, 9),
    Row("500 with a page", status(500, HTML), UNKNOWN, (3, 9)),
    Row("503 with the record of a success", record(503, is_applied=False), UNKNOWN, (3,)),
]


def _patience(asked: str, waits: float | None, ends: Ends = TURNED_AWAY, *, code: int = 429) -> Row:
    strike = status(code, None, ("Retry-After", asked))
    return Row(f"{code}, Retry-After {asked[:32]!r}", strike, ends, (8, 9), waits)


PATIENCE = [
    Row("429 without Retry-After", status(429), TURNED_AWAY, (8, 9), 5),
    Row("429 with a page", status(429, HTML), TURNED_AWAY, (8, 9), 5),
    Row("429 with Retry-After twice",
        status(429, None, ("Retry-After", "7"), ("Retry-After", "9")), TURNED_AWAY, (8, 9), 5),
    _patience("0", 1),
    _patience("17", 17),
    _patience(" 17\t", 17),
    _patience("0017", 17),
    _patience("300", 300),
    _patience("301", None, SPENT),
    _patience("99999999999999999999", None, SPENT),
    _patience("9" * 5000, None, SPENT),
    *(_patience(text, 5) for text in
      ("", "-1", "-0", "+17", "1.5", "nan", "inf", "-inf", "1e9", "0x11", "1_7", "17 s", "soon",
       "1,7", "null", "'17'", "PT17S", "2026-06-01T06:02:17Z", "17; 18", "Mon, 99 Jun 2026")),
    _patience("Mon, 01 Jun 2026 06:02:17 GMT", 17),
    _patience("Mon, 01 Jun 2026 06:02:17", 17),
    _patience("Mon, 01 Jun 2026 11:32:17 +0530", 17),
    _patience("Monday, 01-Jun-26 06:02:17 GMT", 17),
    _patience("Mon Jun  1 06:02:17 2026", 17),
    _patience("Sun, 01 Jun 2025 06:02:17 GMT", 1),
    _patience("Fri, 31 Dec 9999 23:59:59 GMT", None, SPENT),
    _patience("17", 17, UNKNOWN, code=503),
    _patience("0", 1, UNKNOWN, code=503),
    _patience("100", 100, UNKNOWN, code=500),
    _patience("300", 300, UNKNOWN, code=500),
    _patience("301", None, STOPPED, code=503),
    _patience("99999", None, STOPPED, code=503),
    _patience("99999", None, REFUSED, code=422),  # a plain no is a no, whatever stands beside it
]  # fmt: skip

CONNECTIONS = [
    Row("no connection", lost(httpx.ConnectError("refused")), UNKNOWN, (9,)),
    Row("a host without an address", lost(httpx.ConnectError("name")), UNKNOWN, (9,)),
    Row("a reset", lost(httpx.ReadError("reset")), UNKNOWN, (3, 9)),
    Row("a reset after the change", lost(httpx.ReadError("reset"), is_applied=True), HIDDEN, (3,)),
    Row("a broken pipe", lost(httpx.WriteError("pipe")), UNKNOWN, (3,)),
    Row("an end without an answer", lost(httpx.RemoteProtocolError("gone")), UNKNOWN, (3,)),
    Row("no place in a pool", lost(httpx.PoolTimeout("full")), UNKNOWN, (9,)),
    Row("an error of the system", lost(OSError(24, "too many files")), UNKNOWN, (9,)),
    Row("silence", SILENT, UNKNOWN, (9,)),
    Row("silence after the change", SILENT_AFTERWARDS, HIDDEN, (3, 9)),
    Row("a body that drips", DRIPPING, HIDDEN, (9,)),
    Row("a certificate that is not valid",
        lost(ssl.SSLCertVerificationError("self-signed")), FATAL, (5, 15)),
]  # fmt: skip

DEEP = "[" * 100_000
BODIES = [
    Row("no text at all", text(""), HIDDEN, (3,)),
    Row("a word", text("OK"), HIDDEN, (3,)),
    Row("a page", text("<html>cancelled</html>"), HIDDEN, (3,)),
    Row("half a record", text('{"success": true, "data": {"appointment_id": "ID", "sta'), HIDDEN,
        (3,)),
    Row("two records", text('{"data": RECORD}{"data": RECORD}'), HIDDEN, (3,)),
    Row("null", text("null"), HIDDEN, (3,)),
    Row("a list", text("[RECORD]"), HIDDEN, (3,)),
    Row("NUL bytes", text(b"\0" * 100), HIDDEN, (3,)),
    Row("a NUL inside", text('{"data": RECORD}\0'), HIDDEN, (3,)),
    Row("no UTF-8", text(b'{"data": "\xff\xfe\xfa"}'), HIDDEN, (3,)),
    Row("a byte order mark", text('{"data": RECORD}', encoding="utf-8-sig"), PROVED, (3,)),
    Row("too deep", text(DEEP), HIDDEN, (3, 17)),
    Row("too deep beside the record", text(f'{{"data": RECORD, "x": {DEEP}}}'), HIDDEN, (3, 17)),
    Row("a number too long to read", text(f'{{"data": RECORD, "x": {"9" * 5000}}}'), HIDDEN, (3,)),
    Row("infinity", text('{"data": RECORD, "x": 1e999, "y": NaN}'), PROVED, (3,)),
    Row("surrogates on their own", text(r'{"data": RECORD, "x": "\ud800"}'), PROVED, (3,)),
    Row("gzip although identity was asked for", ZIPPED, PROVED, (3, 17)),
    Row("more than 1 MiB", text('{"data": RECORD}' + " " * 2**20), HIDDEN, (3, 17)),
    Row("a key twice, the last word being no",
        text('{"data": {"appointment_id": "ID", "status": "cancelled", "status": "confirmed"}}'),
        HIDDEN, (3,)),
    Row("an id twice, the last word being another's",
        text('{"data": {"appointment_id": "ID", "status": "cancelled", "appointment_id": "x"}}'),
        FATAL, (3,)),
]  # fmt: skip

RECORDS = [
    Row("the record of another", record(appointment_id="a00001"), FATAL, (3, 16)),
    Row("an id in capitals", record(appointment_id="A00002"), FATAL, (3,)),
    Row("an id with a space", record(appointment_id="a00002 "), FATAL, (3,)),
    Row("an id of look-alikes", record(appointment_id="\u0430" + "00002"), FATAL, (3,)),
    Row("an id that is a surrogate", record(appointment_id="\ud800"), FATAL, (3,)),
    *(Row(f"an id that is {value!r}", record(appointment_id=value), HIDDEN, (3,))
      for value in (None, 2, 2.0, True, ["a00002"], {"id": "a00002"})),
    *(Row(f"a status that is {value!r}", record(status=value), HIDDEN, (3,))
      for value in (None, 1, True, ["cancelled"], "confirmed", "completed", "rescheduled",
                    "CANCELLED", "cancelled ", "canceled", "", "\0")),
    *(Row(f"a time of change that is {value!r}", record(updated_at=value), PROVED, (3,))
      for value in (None, 0, 1e300, [], {}, "", "now", "2026-06-01", "\ud800",
                    "9999-12-31T23:59:59Z", "2026-06-01T06:02:00")),
    Row("success denied", text('{"success": false, "data": RECORD}'), HIDDEN, (3,)),
    Row("a list of records", text('{"success": true, "data": [RECORD]}'), HIDDEN, (3,)),
    Row("the bare record", text("RECORD"), PROVED, (3,)),
    Row("an empty record", text('{"success": true, "data": {}}'), HIDDEN, (3,)),
]  # fmt: skip

MATRIX = [
    *SUCCESSES, *REDIRECTS, *REFUSALS, *FAILURES, *PATIENCE, *CONNECTIONS, *BODIES, *RECORDS,
]  # fmt: skip

"""Response parsing: status, headers and body become an `Answer`. Pure.

Success needs proof: 2xx, a JSON object, the same id and, for a PATCH, the status it sets.
Whatever may have been applied and is not proved is unknown.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar

from batchcancel.api import Answer, Meaning, Record, Request, Window
from batchcancel.errors import CreditsSpent, FatalAnswer, KeyRejected, ScopeMissing

Read = TypeVar("Read")

_REFUSALS = {400, 403, 409, 410, 412, 422}
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}
_LONGEST_TEXT = 200
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)
_ANY_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}", re.ASCII)
_MIDNIGHT = re.compile(r"[T ]00:00(:00(\.0{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$", re.ASCII)
_OF_EVERY_ROW = {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
_OWED = "REQUIRED|DUE|UNPAID|FAILED|DECLINED|MISSING|METHOD|EXPIRED|SUSPENDED"
_SPENT = re.compile("CREDIT|QUOTA|BILLING|PAYMENT", re.ASCII | re.IGNORECASE)
_SURELY_SPENT = re.compile(
    f"CREDIT|QUOTA|BILLING|PAYMENT.*({_OWED})|({_OWED}).*PAYMENT", re.ASCII | re.IGNORECASE
)


def read_answer(
    request: Request, *, status: int, headers: Mapping[str, str], content: Any, now: datetime
) -> Answer:
    """Read one response; `content` is its body as `parsed`.

    Raises `FatalAnswer` when every further request would be wrong too, and `CreditsSpent` when
    credits or a quota are used up. `headers` has lower-case names. `now` stands in for a missing
    `Date`.
    """
    server_now = http_date(headers.get("date"))
    if 200 <= status < 300:  # noqa: PLR2004 - the family of statuses
        answer = _success(request, status=status, content=content, server_now=server_now)
        if answer.meaning is not Meaning.PROVED:
            _raise_if_spent(status, content, server_now or now)
        return answer
    code = _error_code(content)
    _raise_if_fatal(request, status=status, code=code)
    _raise_if_spent(status, content, server_now or now)
    return Answer(
        meaning=_meaning(request, status=status, content=content, code=code),
        code=code or str(status),
        server_now=server_now,
        retry_after=retry_after(headers.get("retry-after"), server_now=server_now or now),
    )


def _success(request: Request, *, status: int, content: Any, server_now: datetime | None) -> Answer:
    if content is None and not (request.ask.is_of_one or status == HTTPStatus.NO_CONTENT):
        return Answer(meaning=Meaning.UNKNOWN, code="web_page", server_now=server_now)
    # Whatever else stands there was meant to say no, or nobody knows what.
    if not isinstance(content, dict) or content.get("success", True) is not True:
        return Answer(meaning=Meaning.UNKNOWN, code="unreadable_answer", server_now=server_now)
    if not request.ask.is_of_one:
        return Answer(meaning=Meaning.PROVED, code=str(status), body=content, server_now=server_now)
    record = record_from(content.get("data", content))
    if record is None:
        return Answer(meaning=Meaning.UNKNOWN, code="unreadable_answer", server_now=server_now)
    # A server that mixes up records would have us settle rows by the answers of others.
    if record.appointment_id != request.appointment_id:
        raise FatalAnswer(
            f"the API answered {request.appointment_id} with the record of another appointment",
            hint="Do not go on before HuskyVoice has explained this; the row stays open.",
        )
    is_proved = not request.ask.writes or record.status == request.ask.status
    return Answer(
        meaning=Meaning.PROVED if is_proved else Meaning.UNKNOWN,
        code=str(status) if is_proved else f"not_{request.ask.status}",
        record=record,
        body=None if request.ask.writes else content,
        server_now=server_now,
    )


def _raise_if_fatal(request: Request, *, status: int, code: str | None) -> None:
    if 300 <= status < 400:  # noqa: PLR2004 - the family of statuses
        raise FatalAnswer(
            f"the API redirects (status {status}); redirects are never followed",
            hint="Check --base-url: the key is sent to no other address.",
        )
    if status == HTTPStatus.UNAUTHORIZED:
        raise KeyRejected(
            "the API rejects the key (status 401)",
            hint="Check HUSKYVOICE_API_KEY or --api-key-file, then run the same command again.",
        )
    if status == HTTPStatus.FORBIDDEN and code == "INSUFFICIENT_SCOPE":
        raise ScopeMissing(request.ask.scope, hint=request.ask.without_scope)


def _raise_if_spent(status: int, content: Any, server_now: datetime) -> None:
    """A quota or a balance concerns every row and proves nothing about any.

    HuskyVoice quotas: daily, over all keys of the organisation, anew at 00:00 UTC. HuskyVoice
    billing: without credits every request is blocked. Status and code are not documented.
    """
    code = _any_code(content)
    # A payment for one appointment (PAYMENT_CAPTURED) must not stop every run that comes to it.
    spent = _SPENT if status in _OF_EVERY_ROW else _SURELY_SPENT
    if status != HTTPStatus.PAYMENT_REQUIRED and not spent.search(code or ""):
        return
    midnight = datetime.combine(server_now.date() + timedelta(days=1), time(), tzinfo=UTC)
    hours, minutes = divmod(int((midnight - server_now).total_seconds()) // 60, 60)
    raise CreditsSpent(
        f"the API refuses every request: credits or a quota are used up ({code or status})",
        hint="Top up the credits; a daily quota is there again at 00:00 UTC, in "
        f"{hours} h {minutes} min. Then run the same command again.",
    )


def _meaning(request: Request, *, status: int, content: Any, code: str | None) -> Meaning:
    """A final no about an appointment needs proof like a yes: the API's own envelope, with a code.

    Whatever else comes with such a status (a firewall's page, a gateway's JSON) says nothing about
    the appointment, nor does any other status. A no to a question about none settles nothing:
    there any JSON will do, so that a wrong address is told of at once.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Meaning.BUSY
    if not request.ask.is_of_one:
        is_no = 400 <= status < 500 and status not in _PASSING  # noqa: PLR2004 - family
        return Meaning.REFUSED if is_no and isinstance(content, dict) else Meaning.UNKNOWN
    if status == HTTPStatus.NOT_FOUND and code == "NOT_FOUND":
        return Meaning.ABSENT
    if status in _REFUSALS and code is not None:
        return Meaning.REFUSED
    return Meaning.UNKNOWN


def parsed(body: bytes) -> Any:
    """What a body says as JSON; None when it is none, or nested too deeply."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def is_own(status: int, headers: Mapping[str, str], content: Any) -> bool:
    """Whether the API itself made this answer just now: no cache, and nobody in between."""
    is_success = 200 <= status < 300 and isinstance(content, dict)  # noqa: PLR2004 - family
    return "age" not in headers and (is_success or _error_code(content) is not None)


def _error_code(content: Any) -> str | None:
    """The code of the API's own envelope, `{"error": {"code": ...}}`."""
    error = content.get("error") if isinstance(content, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _any_code(content: Any) -> str | None:
    """What stands where a code may stand, in any letters: too little to settle a row by."""
    if not isinstance(content, dict):
        return None
    error = content.get("error")
    code = error.get("code") if isinstance(error, dict) else error or content.get("code")
    return code if isinstance(code, str) and _ANY_CODE.fullmatch(code) else None


def record_from(data: Any) -> Record | None:
    """The record in the API's data; None when it is not one."""
    if not isinstance(data, dict):
        return None
    appointment_id, status = data.get("appointment_id"), data.get("status")
    if not isinstance(appointment_id, str) or not isinstance(status, str):
        return None
    return Record(
        appointment_id=appointment_id,
        status=_readable(status),
        updated_at=_moment(data.get("updated_at")),
        date=_day_of(data.get("date")),
        session=_text(data.get("session")),
        branch_id=_text(data.get("branch_id")),
        label=_text(data.get("batch")),
        doctor=_text(data.get("assigned_doctor")),
        service_id=_text(data.get("appointment_type")),
        service=_text(data.get("appointment_type_name")),
    )


def window_from(data: Mapping[str, Any]) -> Window:
    """A calendar window in the API's data; what cannot be read of it is None."""
    return Window(
        session=_text(data.get("session")),
        branch_id=_text(data.get("branch_id")),
        label=_text(data.get("batch")),
        start=_clock_time(data.get("start_time")),
        end=_clock_time(data.get("end_time")),
        filled=_count(data.get("filled_slots")),
        free=_count(data.get("available_slots")),
        is_open=(_text(data.get("status")) or "OPEN").casefold() in ("open", "full"),
    )


def _text(value: Any) -> str | None:
    """A number may be an id too."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return _readable(text) if isinstance(text, str) and text else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _readable(text: str) -> str:
    """Text that every table and database takes: no lone surrogates, no NUL, and not without end."""
    clean = text[:_LONGEST_TEXT].replace("\0", "\ufffd")
    return clean.encode(errors="replace").decode()


def _moment(value: Any) -> datetime | None:
    """A day alone is no moment."""
    moment = None if _day(value) is not None else _read(datetime.fromisoformat, value)
    return None if moment is None else _read(_in_utc, moment)


def _clock_time(value: Any) -> time | None:
    """A time of day; one with an offset is not the organisation's, as all others are."""
    clock = _read(time.fromisoformat, value)
    return clock if clock is not None and clock.tzinfo is None else None


def _day(value: Any) -> date | None:
    """At the edges of the calendar a local midnight has no UTC."""
    day = _read(date.fromisoformat, value)
    return day if day is not None and date.min.year < day.year < date.max.year else None


def _day_of(value: Any) -> date | None:
    """A midnight after a day is none: so programs write a day that they keep as a time."""
    return _day(_MIDNIGHT.sub("", value) if isinstance(value, str) else value)


def _read(parse: Callable[[Any], Read], value: Any) -> Read | None:
    try:
        return parse(value)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


LONGEST_RETRY_AFTER = 86_400.0
"""One day, in seconds; longer ones, and numbers too long to parse, count as this."""

# ASCII digits only: `float` would take nan, inf and 1e9, `int` the digits of any script.
_SECONDS = re.compile(r"[0-9]+", re.ASCII)


def http_date(text: str | None) -> datetime | None:
    """An HTTP date as an aware UTC datetime; None when it is not one."""
    if not text or len(text) > 64:  # noqa: PLR2004 - no HTTP date is longer
        return None
    moment = _read(parsedate_to_datetime, text)
    return None if moment is None else _read(_in_utc, moment)


def retry_after(text: str | None, *, server_now: datetime) -> float | None:
    """Seconds to wait, from 0 to `LONGEST_RETRY_AFTER`; None when the header says nothing readable.

    Dates are measured against the answer's own `Date`, so that a wrong clock here does no harm.
    """
    text = (text or "").strip(" \t")
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_RETRY_AFTER)
    if (moment := http_date(text)) is None:
        return None
    return min(max((moment - server_now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)

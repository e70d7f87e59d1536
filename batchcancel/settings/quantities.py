"""Parsers for rates, durations, caps, times and addresses as people write them.

Every parser raises ValueError with a sentence that says what would have been understood.
"""

import csv
import io
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import time, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from batchcancel.api import MOST_HOURS, Rate

LONGEST_DURATION = 366 * 86_400.0
"""The longest duration that is believed, in seconds: a year."""

ID: Final = "appointment_id"
COLUMNS: Final = (
    ID, "starts_at", "appointment_date", "date", "session", "branch_id", "notes", "outcome",
    "reason", "start_known_by", "selection",
)  # fmt: skip
"""The columns of a manifest that are read."""

_ON, _OFF = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_ASCII = re.compile(r"[!-~]+", re.ASCII)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_DURATION = re.compile(rf"{_NUMBER}|(?:{_NUMBER}[smhd])+", re.ASCII)
_RATE = re.compile(rf"([0-9]{{1,9}})/({_NUMBER})?(s|m|h)", re.ASCII)
_CAP = re.compile(rf"({_NUMBER})(%?)", re.ASCII)
# h11 quotes a header it refuses in its exception: a key with a line break would be printed whole.
_KEY = re.compile(r"[!-~]{1,512}", re.ASCII)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?|[0-9a-f:.]+", re.ASCII)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}  # for which plain http is no risk


@dataclass(frozen=True, slots=True)
class Cap:
    """The most appointments a batch may cancel: a number, or a share of the manifest."""

    amount: Decimal
    is_percent: bool

    def rows_allowed(self, rows: int) -> int:
        return int(rows * self.amount // 100) if self.is_percent else int(self.amount)

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.is_percent else ''}"


def rate(text: str) -> Rate:
    """`60/60s`, `60/m`, or `none`."""
    if text == "none":
        return Rate(math.inf, 0.0)
    found = _RATE.fullmatch(text)
    if not found:
        raise ValueError("write a rate like 60/60s or 60/m, or none")
    limit, window = int(found[1]), float(found[2] or 1) * _UNITS[found[3]]
    if limit < 1 or not 0 < window <= LONGEST_DURATION:
        raise ValueError("a rate allows at least one request, in some time up to a year")
    return Rate(limit, window)


def seconds(text: str) -> float:
    """A duration like `90`, `45s`, `1h30m`; a bare number counts seconds."""
    if not _DURATION.fullmatch(text):
        raise ValueError("write a duration like 45s, 90m or 1h30m; a bare number counts seconds")
    parts = re.findall(rf"({_NUMBER})([smhd]?)", text)
    total = sum(float(number) * _UNITS[unit or "s"] for number, unit in parts)
    if not 0 < total <= LONGEST_DURATION:
        raise ValueError("a duration is longer than nothing, and at most a year")
    return total


def cap(text: str) -> Cap:
    """`500` appointments, or `5%` of the manifest's rows."""
    found = _CAP.fullmatch(text)
    if not found or (not found[2] and "." in found[1]):
        raise ValueError("write a cap like 500 or 5%")
    return Cap(Decimal(found[1]), bool(found[2]))


def hours(text: str) -> float:
    """Hours of notice, from 0 on."""
    if not re.fullmatch(_NUMBER, text, re.ASCII):
        raise ValueError("write a number of hours, 0 or more")
    if float(text) > MOST_HOURS:
        raise ValueError(f"write a number of hours, at most {MOST_HOURS:.0f}")
    return float(text)


def days(text: str) -> timedelta:
    """Whole days, at least one, such as `90d`."""
    if not (told := re.fullmatch(r"([1-9][0-9]{0,4})d?", text)):
        raise ValueError(f"{text} is no number of days, such as 90d")
    return timedelta(days=int(told[1]))


def whole_number(text: str) -> int:
    """A whole number from 1 on."""
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or int(text) < 1:
        raise ValueError("write a whole number, 1 or more")
    return int(text)


def timezone(text: str) -> ZoneInfo:
    """An IANA name like `Asia/Kolkata`."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("write an IANA timezone like Asia/Kolkata") from None


def clock_time(text: str) -> time:
    """A local time of day like `09:00`."""
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text, re.ASCII):
        raise ValueError("write a time of day like 09:00, from 00:00 to 23:59")
    return time.fromisoformat(text)


def words(text: str) -> tuple[str, ...]:
    """Names with commas between them, blanks around them apart; one with a comma is in quotes."""
    try:
        ((*found,),) = csv.reader([text], skipinitialspace=True, strict=True)
    except (ValueError, csv.Error):
        found = [""]
    if not found or not all(one.strip() for one in found):
        raise ValueError("write names with commas between them")
    return tuple(dict.fromkeys(one.strip() for one in found))


def as_words(names: Iterable[str]) -> str:
    """The text that `words` reads as these names."""
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(names)
    return file.getvalue()


def statuses(text: str) -> tuple[str, ...]:
    """`confirmed,rescheduled`: statuses as the API writes them, to the letter."""
    found = words(text)
    if never := {"cancelled", "completed"}.intersection(found):
        raise ValueError(f"what is {' or '.join(sorted(never))} is never cancelled")
    return found


def columns(text: str) -> tuple[str, ...]:
    """`date,session`: names of columns, but for the one that every manifest needs."""
    found = words(text)
    if ID in found:
        raise ValueError(f"{ID} is the column that is needed")
    return found


def named_columns(text: str) -> tuple[str, ...]:
    """`appointment_id=Booking ref`: which column of the file is to be read as one of ours."""
    found = words(text)
    pairs = [one.partition("=")[::2] for one in found]
    for ours in zip(*pairs, strict=True) if pairs else ():
        if len(set(ours)) < len(pairs):
            raise ValueError("name each column once")
    if strange := [our for our, header in pairs if our not in COLUMNS or not header]:
        raise ValueError(f"write NAME=HEADER, where {strange[0]!r} is one of {', '.join(COLUMNS)}")
    return found


_DATE_PARTS = {"Y{4}": "%Y", "Y{2}": "%y", "M{3}": "%b", "M{1,2}": "%m", "D{1,2}": "%d"}


def date_format(text: str) -> str:
    """`DD/MM/YYYY`, or `%d/%m/%Y`, as a format of `strptime`; a time of day may always follow."""
    told = re.split(r"[T ]*(?:%H|HH)", text.strip(), maxsplit=1)[0]
    for word, part in _DATE_PARTS.items():
        told = re.sub(rf"(?<!%){word}", part, told, flags=re.IGNORECASE)
    parts = re.findall(r"%(.)", told)
    kinds = sorted("y" if one in "yY" else "m" if one in "mbB" else one for one in parts)
    if kinds != ["d", "m", "y"] or not re.fullmatch(r"(?:%[dmbByY]|[ ,./-])+", told, re.ASCII):
        raise ValueError("write a format like DD/MM/YYYY, MM/DD/YYYY or DD-MMM-YYYY")
    return told


def switch(text: str) -> bool:
    """`true` or `false`, `1` or `0`, `yes` or `no`, `on` or `off`."""
    if text.lower() not in (*_ON, *_OFF):
        raise ValueError("write true or false")
    return text.lower() in _ON


def _address(text: str) -> SplitResult:
    """The parts of an address; without a scheme where it is none."""
    with suppress(ValueError):
        parts = urlsplit(text)  # its `port` raises for what is no port
        if _ASCII.fullmatch(text) and parts.port != 0 and parts.hostname:
            return parts
    return SplitResult("", "", "", "", "")


def base_url(text: str) -> str:
    """The API's address with its version; plain http only to this machine."""
    parts = _address(text)
    host = parts.hostname or ""
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if not is_safe or not _HOST.fullmatch(host):
        raise ValueError("write an https address like https://api.huskyvoice.ai/v1")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("an address has no user, query or fragment here")
    # A step such as `..` would be collapsed on the way, and another resource be asked.
    has_steps = {".", ".."} & set(parts.path.split("/"))
    if has_steps or not re.fullmatch(r"[A-Za-z0-9._~/\-]*", parts.path, re.ASCII):
        raise ValueError("the address's path holds characters that would not be sent as they are")
    return text.rstrip("/")


def proxy(text: str) -> str:
    """A proxy's address, maybe with user and password: those are not repeated."""
    parts = _address(text)
    if parts.scheme not in ("http", "https") or parts.path.strip("/"):
        raise ValueError("write an address like http://proxy.example:3128")
    return text


def origin(url: str) -> str:
    """Scheme, host and port: whom a ledger's batches belong to."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def is_rehearsal(origin: str) -> bool:
    """Whether an origin is this machine: then no real appointment is touched."""
    host = urlsplit(origin).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def api_key(text: str) -> str:
    """A key that can travel in a header: printable ASCII, no spaces or line breaks."""
    if not text:
        raise ValueError("the key is empty: put the key there")
    if not _KEY.fullmatch(text):
        raise ValueError("a key is printable ASCII without spaces or line breaks")
    return text

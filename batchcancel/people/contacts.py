"""Whom to call: names and phones as the API shows them, one line per call.

They go from an answer into the file, and nowhere else. Families share a phone: who is reached by
one number is told of in one call, and the others are named beside.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl

from batchcancel.appointments import NOBODY_TO_TELL, Fact, KnownBy, OutcomeName, Start
from batchcancel.ledger.contract import RowRecord, State

COLUMNS = (
    *("call_no", "patient_name", "phone", "reachable", "starts_at", "session", "branch"),
    *("outcome", "reason", "appointment_id", "others"),
)
UNREAD, ABSENT = NOT_SHOWN = ("not read", "not found")
_HOW = ("yes", "foreign", "no_phone", "not_a_number")
_LATEST = datetime.max.replace(tzinfo=UTC)

# HuskyVoice calls: E.164, and +91 only. Inside the country a number has ten digits.
_HOME = re.compile(r"(?:\+91|91|0)?(\d{10})|\+910(\d{10})", re.ASCII)
_ABROAD = re.compile(r"\+(?!91)[1-9]\d{6,14}", re.ASCII)
_BETWEEN = re.compile(r"[\s().'\u2010-\u2015-]+")
_STEERING = re.compile(r"[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class Person(NamedTuple):
    """A patient, as the record has it."""

    name: str = ""
    phone: str = ""


class People:
    """The patients of the `wanted` appointments, as far as answers have shown them."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.shown: dict[str, Person] = {}

    def hear(self, body: Any) -> None:
        """Take names and phones from an answer: a record, or a page of them."""
        data = body.get("data", body) if isinstance(body, dict) else None
        for one in data if isinstance(data, list) else [data]:
            if isinstance(one, dict) and str(one.get("appointment_id")) in self.wanted:
                texts = (_line(one.get(field)) for field in ("patient_name", "parent_phone"))
                self.shown[str(one["appointment_id"])] = Person(*texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A row that somebody is to be called about, and where and what its appointment is now.

    `now` is its status, or what kept it from being shown.
    """

    row: RowRecord
    person: Person
    now: str
    start: Start | None
    session: str | None
    branch: str | None

    @property
    def outcome(self) -> str:
        return self.row.outcome or self.row.state.value

    @property
    def reason(self) -> str:
        """Of the outcome; and what the API shows now, where that is something else."""
        is_other = _is_gone(self.row) is not (self.now == "cancelled") or self.now in NOT_SHOWN
        told = (self.row.reason, f"now {self.now}" if is_other else None)
        return "; ".join(one for one in told if one)


class Call(NamedTuple):
    """A number to dial, how it can be reached, and the visits it is about, the first one first."""

    phone: str
    reachable: str
    visits: list[Visit]


def to_be_told(rows: Iterable[RowRecord], *, wanted: Collection[str]) -> list[RowRecord]:
    """The rows that somebody is to be called about, each appointment once.

    Unless outcomes or states are `wanted`: what was cancelled by the batch, and what was to be, and
    is not.
    """
    found: dict[str, RowRecord] = {}
    for row in rows:
        is_meant = {row.outcome, row.state.value} & {*wanted} if wanted else _is_told(row)
        if row.appointment_id is not None and is_meant:
            found.setdefault(row.appointment_id, row)
    return [*found.values()]


def _is_told(row: RowRecord) -> bool:
    if row.outcome == OutcomeName.SKIPPED:
        return row.reason not in NOBODY_TO_TELL
    return row.outcome not in (OutcomeName.ALREADY_CANCELLED, OutcomeName.RESTORED)


def _is_gone(row: RowRecord) -> bool:
    gone = {name.value for name in OutcomeName if Fact.GONE in name.facts}
    return row.state is State.SETTLED and row.outcome in gone


def calls(visits: Iterable[Visit], *, now: datetime) -> list[Call]:
    """One call for each number, what has not begun first, then what was cancelled, the soonest."""

    def order(visit: Visit) -> tuple[bool, bool, datetime, str]:
        start = visit.start
        has_begun = start is not None and start.latest <= now
        begins = start.earliest if start else _LATEST
        return has_begun, not _is_gone(visit.row), begins, visit.row.appointment_id or ""

    by_number: dict[str, Call] = {}
    for visit in sorted(visits, key=order):
        phone, reachable = dialled(visit.person.phone)
        # What is no number may be the same word for many: nobody shares it.
        shared = phone if reachable in ("yes", "foreign") else f"of {visit.row.appointment_id}"
        by_number.setdefault(shared, Call(phone, reachable, [])).visits.append(visit)
    return [*by_number.values()]


def dialled(written: str) -> tuple[str, str]:
    """A number as it is dialled from everywhere, and how it can be reached; what is none stays."""
    if not written:
        return "", "no_phone"
    digits = "".join(str(int(one)) if one.isdecimal() else one for one in written)
    number = re.sub(r"^00(?=\d)", "+", _BETWEEN.sub("", digits.replace("\uff0b", "+")))
    if (home := _HOME.fullmatch(number)) and len({*(home[1] or home[2])}) > 1:
        return f"+91{home[1] or home[2]}", "yes"
    if _ABROAD.fullmatch(number):
        return number, "foreign"
    return written, "not_a_number"


def as_table(found: Iterable[Call], zone: ZoneInfo | None, *, is_csv: bool) -> pl.DataFrame:
    """A line for each call; the first visit stands in it, the others are named.

    In CSV a spreadsheet would take a phone for a number or a day, and drop its plus and zeros.
    """
    rows = []
    for number, call in enumerate(found, start=1):
        first, *others = call.visits
        phone = "'" * (is_csv and call.phone[:1] in {*"+0123456789"}) + call.phone
        told = (
            *(first.person.name, phone, call.reachable, begins(first, zone), first.session),
            *(first.branch, first.outcome, first.reason, first.row.appointment_id),
        )
        rows.append((number, *told, "; ".join(_others(first, others, zone)) or None))
    schema = {name: pl.Int64() if name == "call_no" else pl.String() for name in COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _others(first: Visit, others: Iterable[Visit], zone: ZoneInfo | None) -> Iterable[str]:
    """Each by name, once, with what is not as with the first."""
    for name, visits in groupby(others, key=lambda one: one.person.name):
        told = []
        for one in visits:
            at = begins(one, zone)
            same = (begins(first, zone), first.outcome, first.reason)
            if (at, one.outcome, one.reason) != same or name == first.person.name:
                told.append(" ".join(word for word in (at, one.outcome, one.reason) if word))
        differs = f" ({', '.join(told)})" if told else ""
        yield (name or "name unknown") + differs


def begins(visit: Visit, zone: ZoneInfo | None) -> str:
    """When a visit begins, by the clinic's clock: to the minute only where that is known."""
    session = visit.session or ""
    if visit.start is None:
        return session
    at = visit.start.earliest.astimezone(zone or UTC)
    if visit.start.known_by is KnownBy.EXACT:
        return f"{at:%a %Y-%m-%d %H:%M}"
    since = "" if visit.start.known_by is KnownBy.DAY else f"from {at:%H:%M}"
    return ", ".join(one for one in (f"{at:%a %Y-%m-%d}", session, since) if one)


def as_counts(found: Iterable[Call]) -> dict[str, int]:
    """So many calls can be reached how; nothing of a person."""
    counts = Counter(call.reachable for call in found)
    return {how: counts[how] for how in _HOW if counts[how]}


def _line(text: Any) -> str:
    """A text of a record on one line, without what steers a terminal or no file takes."""
    text = str(text) if type(text) is int else text  # a phone without quotes
    if not isinstance(text, str):
        return ""
    plain = "".join(" " if unicodedata.category(one) in ("Cc", "Cs") else one for one in text)
    return " ".join(_STEERING.sub("", plain).split())

"""What answers have shown a process of the appointments, by a reading of our own."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from tests.simulation.network import Departure
from tests.simulation.rows import Place, Row

SENT = ("confirmed", "rescheduled")
MOST_READ = 1024 * 1024
REFUSALS = (400, 403, 409, 410, 412, 422)
SPENT = ("CREDIT", "QUOTA", "BILLING", "PAYMENT")


class Shown(NamedTuple):
    """A record as an answer showed it at a moment."""

    at: float
    status: str
    day: date
    session: str
    branch_id: str
    updated_at: datetime

    @property
    def place(self) -> tuple[date, str, str]:
        return self.day, self.session, self.branch_id


@dataclass(slots=True, kw_only=True)
class Sight:
    """All that one process was shown: the last of each appointment, and the `words` of each day
    that its plan can have known: others are not compared. `free` has when it asked last for the
    places of a window, and how many it was told.
    """

    last: dict[str, Shown] = field(default_factory=dict)
    cancelled: dict[str, float] = field(default_factory=dict)
    words: set[tuple[date, str]] = field(default_factory=set)
    free: dict[Place, tuple[float, int]] = field(default_factory=dict)

    def take_in(self, departure: Departure, *, is_planning: bool) -> None:
        """An answer has arrived."""
        for one, shown in records_in(departure).items():
            self.last[one] = shown
            if shown.status == "cancelled":
                self.cancelled.setdefault(one, shown.at)
            if is_planning:
                self.words |= {(shown.day, shown.session), (shown.day, shown.branch_id)}
        for place, free in _windows(departure):
            self.free[place] = departure.at, free
            self.words |= {place[:2], place[::2]} if is_planning else set()

    def is_moved(self, row: Row, shown: Shown) -> bool:
        """Whether a record is elsewhere than the manifest says, as far as it can be compared."""
        day, session, branch_id = row.named
        return (
            day not in (None, shown.day)
            or self._differs(row, session, shown.session)
            or self._differs(row, branch_id, shown.branch_id)
        )

    def _differs(self, row: Row, named: str | None, found: str) -> bool:
        return named is not None and (row.named.day, named) in self.words and named != found


def records_in(departure: Departure) -> Mapping[str, Shown]:
    """The records that an answer shows: one, or a page of them."""
    if departure.status != 200 or departure.answered is None:
        return {}
    if departure.records is None:
        data = content_of(departure).get("data")
        departure.records = {
            one["appointment_id"]: _shown(one, at=departure.answered)
            for one in (data if isinstance(data, list) else [data])
            if isinstance(one, dict) and {"appointment_id", "updated_at"} <= one.keys()
        }
    return departure.records


def content_of(departure: Departure) -> Mapping[str, Any]:
    """The JSON object that a whole answer is; empty where it is none, or too long to be read."""
    if departure.answered is None:
        return {}
    if departure.parsed is None:  # every later request asks again what was answered before it
        departure.parsed = _parsed(departure.content)
    return departure.parsed


def _parsed(content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content) if len(content) <= MOST_READ else None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def code_of(departure: Departure) -> str | None:
    """The code of the API's own refusal; None where an answer is no such thing."""
    error = content_of(departure).get("error")
    return error.get("code") if isinstance(error, dict) else None


def is_spent(departure: Departure) -> bool:
    """Whether an answer says that credits or a quota are used up."""
    if departure.answered is None or departure.status == 402:
        return departure.answered is not None
    code = code_of(departure) or ""
    return departure.status in (403, 429) and any(word in code for word in SPENT)


def is_refusal(departure: Departure) -> bool:
    """Whether an answer is the API's own no about the appointment that was asked about."""
    code = code_of(departure)
    if departure.answered is None or code is None or is_spent(departure):
        return False
    return departure.status in REFUSALS or (departure.status, code) == (404, "NOT_FOUND")


def leaves_doubt(departure: Departure) -> bool:
    """Whether a PATCH may have been applied, as far as its sender knows."""
    is_turned_away = departure.status in (401, 429) or is_spent(departure)
    return departure.answered is None or not (is_turned_away or is_refusal(departure))


def _windows(departure: Departure) -> Iterator[tuple[Place, int]]:
    content = content_of(departure)
    if departure.status != 200 or "slots" not in content:
        return
    day = date.fromisoformat(content["date"])
    for window in content["slots"]:
        yield (day, window["session"], window["branch_id"]), window["available_slots"]


def _shown(record: Mapping[str, Any], *, at: float) -> Shown:
    return Shown(
        at=at,
        status=record["status"],
        day=date.fromisoformat(record["date"]),
        session=record["session"],
        branch_id=record["branch_id"],
        updated_at=datetime.fromisoformat(record["updated_at"]),
    )

"""Reading back: what the API shows now of appointments whose ids and days are known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from batchcancel.api import Ask, Lookup, Record
from batchcancel.clock import Now
from batchcancel.errors import Unreachable
from batchcancel.policy.pages import Budget, Reading
from batchcancel.policy.records import Records


class Shown(NamedTuple):
    """A record, and the day whose pages showed it; None where it was read by itself."""

    record: Record
    page: date | None


@dataclass(slots=True)
class Back(Records):
    """What came of it, by id; rows that are neither shown nor unknown to the API were not read."""

    shown: dict[str, Shown] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)

    def add(self, records: Iterable[Record], *, at: datetime, page: date | None) -> None:  # noqa: ARG002 - as Records
        self.shown |= {one.appointment_id: Shown(one, page) for one in records}


async def read_back(
    days: Mapping[str, date | None], *, lookup: Lookup, now: Now, budget: Budget, halt_after: int
) -> Back:
    """Read the appointments of these ids, by pages where they pay; None is a day not known.

    `StoppedEarly` where the API does not answer, or knows none of `halt_after` in a row;
    `ScopeMissing` where the key may not read.
    """
    by_day: dict[date | None, list[str]] = {}
    for one, day in days.items():
        by_day.setdefault(day, []).append(one)
    back = Back()
    reading = await Reading(
        by_day=by_day, lookup=lookup, now=now, budget=budget,
        halt_after=halt_after, records=back, patience=halt_after,
    ).read()  # fmt: skip
    back.absent = reading.absent
    if reading.is_cut_short or not reading.is_possible:
        left = next(one for one in days if one not in back.shown and one not in back.absent)
        answer = await lookup.read(left)  # raises where the key may not read
        if answer.record is not None:
            back.shown[left] = Shown(answer.record, None)
        if answer.is_worth_retrying:
            raise Unreachable(answer.code, ask=Ask.READ.path)
    return back

"""Parts of a day, small enough to be answered whole, and which of them to ask for. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from batchcancel.api import Record, Window

_FIELDS = ("branch_id", "session", "label")

Place = tuple[str | None, str | None, str | None]
"""A branch, a session and a batch label."""


class Part(NamedTuple):
    """The appointments of a day, of the API's own: all, or those of a branch, session or label."""

    day: date
    branch_id: str | None = None
    session: str | None = None
    label: str | None = None

    @property
    def query(self) -> dict[str, str]:
        named = {"branch_id": self.branch_id, "session": self.session, "batch": self.label}
        told = {name: word for name, word in named.items() if word is not None}
        return {"date": self.day.isoformat(), **told}

    def has(self, place: Place) -> bool:
        return all(mine in (None, theirs) for mine, theirs in zip(self[1:], place, strict=True))

    def __str__(self) -> str:
        return " ".join([self.day.isoformat(), *(repr(one)[1:-1] for one in self[1:] if one)])


class Places:
    """The places of a day that its windows and records name, and how many each has at least."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self.filled: Counter[Place] = Counter()
        for one in windows:
            self.filled[place_of(one)] += one.filled or 0
        self._seen: dict[str, Place] = {}

    def note(self, records: Iterable[Record]) -> None:
        """Records that were shown, wherever."""
        for one in records:
            self._seen[one.appointment_id] = place_of(one)

    def at_least(self, part: Part) -> int:
        """How many appointments a part has, by calendar and pages; cancelled ones come on top."""
        known = self._known()
        return sum(count for place, count in known.items() if part.has(place))

    def split(self, part: Part, *, length: int) -> tuple[str | None, bool]:
        """By what a part is split for the fewest requests, None where it cannot be.

        And whether that is cheaper than its pages twice, where a page has this `length`.
        """
        by, cost = self._cheapest(self._known(), part, length)
        return by, by is not None and cost <= _two_passes(self.at_least(part), length)

    def parts(self, part: Part, by: str) -> list[Part]:
        """The parts of it that windows and records name, by this field."""
        number = _FIELDS.index(by)
        there = {*self.filled, *self._seen.values()}
        words = {place[number] for place in there if part.has(place)} - {None}
        named: list[dict[str, Any]] = [{by: word} for word in sorted(map(str, words))]
        return [part._replace(**one) for one in named]

    def _known(self) -> Counter[Place]:
        return self.filled | Counter(self._seen.values())

    def _cheapest(self, known: Counter[Place], part: Part, length: int) -> tuple[str | None, float]:
        best, least = None, float("inf")
        for number, by in enumerate(_FIELDS):
            used = {place[number] for place in known if part.has(place)} - {None}
            if getattr(part, by) is not None or len(used) < 2:  # noqa: PLR2004 - nothing to split
                continue
            cost = sum(self._cost(known, one, length) for one in self.parts(part, by))
            if cost < least:
                best, least = by, cost
        return best, least

    def _cost(self, known: Counter[Place], part: Part, length: int) -> float:
        count = sum(many for place, many in known.items() if part.has(place))
        if count < length:
            return 1
        return min(self._cheapest(known, part, length)[1], _two_passes(count, length))


def place_of(one: Record | Window) -> Place:
    return one.branch_id, one.session, one.label


def _two_passes(count: int, length: int) -> int:
    return 2 * (count // length + 1)

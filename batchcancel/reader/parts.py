"""Parts of a day, small enough to be answered whole, and which of them to ask for. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

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

    def of(self, name: str, word: str) -> "Part":
        named = dict(zip(_FIELDS, self[1:], strict=True)) | {name: word}
        return Part(self.day, **named)

    def __str__(self) -> str:
        return " ".join([self.day.isoformat(), *(repr(one)[1:-1] for one in self[1:] if one)])


class Places:
    """The places of a day that its windows and records name, and how many each has at least."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self._filled: Counter[Place] = Counter()
        for one in windows:
            self._filled[place_of(one)] += one.filled or 0
        self._seen: dict[str, Place] = {}

    def note(self, records: Iterable[Record]) -> None:
        """Records that were shown, wherever."""
        for one in records:
            self._seen[one.appointment_id] = place_of(one)

    def at_least(self, part: Part) -> int:
        """How many appointments a part has, by calendar and pages; cancelled ones come on top."""
        known = self._known()
        return sum(count for place, count in known.items() if part.has(place))

    def split(self, part: Part, *, length: int) -> tuple[list[Part], bool]:
        """Parts of it that cost the fewest requests, none where it cannot be split.

        And whether that is cheaper than its pages twice, where a page has this `length`.
        """
        best, cost = self._cheapest(self._known(), part, length)
        return best, bool(best) and cost <= _two_passes(self.at_least(part), length)

    def _known(self) -> Counter[Place]:
        return self._filled | Counter(self._seen.values())

    def _cheapest(
        self, known: Counter[Place], part: Part, length: int
    ) -> tuple[list[Part], int | float]:
        best: list[Part] = []
        least = float("inf")
        for number, name in enumerate(_FIELDS):
            words = {place[number] for place in {*self._filled, *known} if part.has(place)} - {None}
            if getattr(part, name) is not None or len(words) < 2:  # noqa: PLR2004 - nothing to split
                continue
            parts = [part.of(name, word) for word in sorted(map(str, words))]
            cost = sum(self._cost(known, one, length) for one in parts)
            if cost < least:
                best, least = parts, cost
        return best, least

    def _cost(self, known: Counter[Place], part: Part, length: int) -> int | float:
        count = sum(many for place, many in known.items() if part.has(place))
        if count < length:
            return 1
        return min(self._cheapest(known, part, length)[1], _two_passes(count, length))


def place_of(one: Record | Window) -> Place:
    return one.branch_id, one.session, one.label


def _two_passes(count: int, length: int) -> int:
    return 2 * (count // length + 1)

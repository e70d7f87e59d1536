"""How far the pages of a day were read, and how it is divided where they keep no order. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter

from batchcancel.api import PAGE, USUAL_PAGE, Page, Record

MOSTLY_NEW = 0.9
"""A page less of which is new shows that the order of pages is not kept."""

_QUERY = ("branch_id", "session", "batch", "appointment_type")

Place = tuple[str | None, ...]
"""A branch, a session, a batch label and a service, as a record names them."""

place_of: Callable[[Record], Place] = attrgetter("branch_id", "session", "label", "service_id")


class DayPages:
    """How far the pages of one day were read.

    A page with nothing new on it is the last: so a server that ignores the number of a page, or
    gives the last one again, ends it. Where pages show records twice, their order is not kept;
    where they show many, a later one is worth no more than those that were read. A first page of
    50 may be one of many: some servers give no more than where nothing is asked for.
    """

    def __init__(self, length: int | None = None) -> None:
        """`length` is that of a full page, where it is known."""
        self.pages = self.full = self.hits = self.last_hits = self.shown = 0
        self.is_whole = self.is_shuffled = self.tells_all = False
        self._ids: set[str] = set()
        self.length, self._is_known = length or PAGE, length is not None
        self.places: Counter[Place] = Counter()

    def note(self, page: Page, hits: int) -> bool:
        """One more page was read, and `hits` records on it were wanted. Tells if it is the last."""
        before, (records, length) = len(self._ids), page
        self._ids.update(one.appointment_id for one in records)
        self.pages += 1
        self.shown = len(self._ids)
        self.hits, self.last_hits = self.hits + hits, hits
        self.places.update(map(place_of, records))
        if self.pages == 1 and not self._is_known and length and length % USUAL_PAGE == 0:
            self.length = min(length, PAGE)
        is_end = length < self.length
        is_mixed = 0 < self.shown - before < len(records) * MOSTLY_NEW
        self.full += not is_end
        if self.shown == before or is_end or is_mixed:
            self.is_whole = True
            # A server that ignores the number of a page is not out of order, and tells no end.
            self.is_shuffled = is_mixed or (is_end and self.places.total() > self.shown)
            self.tells_all = is_end and not self.is_shuffled
            if self.tells_all:
                self._ids.clear()
        return self.is_whole

    def shown_again(self, records: Sequence[Record]) -> None:
        """One of its pages was read again."""
        self._ids.update(one.appointment_id for one in records)
        self.shown = len(self._ids)


def parts_of_day(places: Counter[Place], rows: int) -> list[dict[str, str]]:
    """The coarsest parts of a day that are likely to fit on a page each, else the finest.

    `places` counts what pages have shown; so many `rows` are on the day at least.
    """
    shown, parts = places.total(), Counter[Place]()
    for depth in range(1, len(_QUERY) + 1):
        parts = Counter()
        for place, many in places.items():
            parts[place[:depth]] += many
        if all(many * max(rows, shown) < PAGE * shown for many in parts.values()):
            break
    words = [zip(_QUERY, part, strict=False) for part, _ in parts.most_common()]
    return [{name: word for name, word in one if word is not None} for one in words]

"""What was seen of appointments: a table of records, and the words the API uses on each day."""

from collections.abc import Iterable
from datetime import date, datetime
from operator import attrgetter

import polars as pl

from batchcancel.api import Record
from batchcancel.appointments import as_meant

SEEN = pl.Schema(
    {
        "appointment_id": pl.String(),
        "observed_status": pl.String(),
        "observed_date": pl.Date(),
        "observed_session": pl.String(),
        "observed_branch": pl.String(),
        "observed_label": pl.String(),
        "observed_at": pl.Datetime("us", "UTC"),
        "page": pl.Date(),
        "updated_at": pl.Datetime("us", "UTC"),
    }
)
"""The columns of a table of records; `page` is the day whose pages show the appointment."""

FIELDS = attrgetter("appointment_id", "status", "date", "session", "branch_id", "label")
_PART = 10_000


class Records:
    """Collects records as they are read, in columns: a million of them as objects are too many."""

    def __init__(self) -> None:
        self._rows: list[tuple[object, ...]] = []
        self._parts: list[pl.DataFrame] = []

    def add(self, records: Iterable[Record], *, at: datetime, page: date | None) -> None:
        """Take over records that were read at a moment."""
        self._rows += [(*FIELDS(one), at, page or one.date, one.updated_at) for one in records]
        if len(self._rows) >= _PART:
            self._pack()

    def frame(self) -> pl.DataFrame:
        """Each appointment as it was seen last."""
        self._pack()
        frame = pl.concat(self._parts)
        return frame.unique("appointment_id", keep="last", maintain_order=True)

    def ever(self, status: str) -> list[str]:
        """Which had this status when they were seen, whatever they had later."""
        self._pack()
        had = pl.col("observed_status") == status
        ids = [part.filter(had).get_column("appointment_id") for part in self._parts]
        return pl.concat(ids).unique(maintain_order=True).to_list()

    def _pack(self) -> None:
        self._parts.append(pl.DataFrame(self._rows, schema=SEEN, orient="row"))
        self._rows = []


class Words:
    """The sessions and branches that records and windows of a day use."""

    def __init__(self) -> None:
        self._used: dict[date, set[tuple[str | None, str | None]]] = {}

    def note(self, day: date | None, *, session: str | None, branch_id: str | None) -> None:
        """A record or a window of that day uses these."""
        if day is not None:
            self._used.setdefault(day, set()).add((session, branch_id))

    def is_used(self, field: str, word: str, *, day: date | None) -> bool:
        """Whether anybody uses the word on that day; where no day is known, on any."""
        days = self._used.values() if day is None else [self._used.get(day, set())]
        at = ("session", "branch_id").index(field)
        used = {one[at] for pairs in days for one in pairs}
        return as_meant(word) in {as_meant(one) for one in used if one is not None}

    def is_known(self, day: date | None) -> bool:
        """Whether anything was read of that day."""
        return day in self._used

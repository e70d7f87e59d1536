"""What the SQL that both ledgers share needs of an open transaction, and how values come back.

Such SQL names its values as `:name`, temporary tables as `temp.name` and others without a schema.
SQLite takes it as it is; for psycopg `for_psycopg` rewrites the names.
"""

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from batchcancel.appointments import require_aware
from batchcancel.errors import LedgerWriteFailed

Values = Mapping[str, object]

_NOTHING: Values = {}
_NAME = re.compile(r"(?<!:):([a-z_]+)")
_TEMPORARY = re.compile(r"\btemp\.")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Statements(ABC):
    """The transaction that is open, whichever database it is in.

    Instants and days are given as such; naive datetimes raise ValueError.
    """

    def execute(self, sql: str, values: Values = _NOTHING) -> int:
        """Execute one statement, and tell how many rows it met."""
        return int(self._done(sql, values).rowcount)

    def fetch(self, sql: str, values: Values = _NOTHING) -> Sequence[Any]:
        """All rows of an answer."""
        found: Sequence[Any] = self._done(sql, values).fetchall()
        return found

    @abstractmethod
    def fill(self, table: str, rows: Iterable[Sequence[object]], *, columns: int) -> None:
        """Put a million rows into a table as quickly as the database can."""

    @abstractmethod
    def _done(self, sql: str, values: Values) -> Any:
        """The cursor of a statement that was executed."""


class Diagnosis(NamedTuple):
    """What an error of the database means; `meaning` ends a sentence that began with its name."""

    meaning: str
    hint: str
    is_trouble: bool = False  # and nobody's mistake: in a while the same may succeed

    def as_failed_write(self, name: str) -> LedgerWriteFailed:
        """Whatever was refused, nothing more may be sent."""
        return LedgerWriteFailed(
            f"the ledger could not be written: {name} {self.meaning}", hint=self.hint
        )


@functools.cache
def for_psycopg(sql: str) -> str:
    """The same statement with psycopg's `%(name)s` for every `:name`; a cast's `::` stays."""
    return _TEMPORARY.sub("pg_temp.", _NAME.sub(r"%(\1)s", sql))


def in_micros(moment: datetime) -> int:
    """Whole microseconds since 1970 in UTC; naive datetimes raise ValueError."""
    require_aware(moment)
    return (moment - _EPOCH) // _MICROSECOND


def restored(kept: Any) -> Any:
    """An instant that either database kept, as an aware datetime in UTC; None stays None."""
    if isinstance(kept, datetime):  # in the timezone that the server's session has
        return kept.astimezone(UTC)
    return None if kept is None else _EPOCH + kept * _MICROSECOND


def restored_day(kept: Any) -> date | None:
    """A day that either database kept."""
    return date.fromisoformat(kept) if isinstance(kept, str) else kept

"""What the SQL that both ledgers share needs of an open transaction.

Such SQL names its values as `:name` and its tables without a schema. SQLite takes it as it is;
for psycopg `for_psycopg` rewrites the names, and the search_path finds the tables.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

Values = Mapping[str, object]

_NAME = re.compile(r"(?<!:):([a-z_]+)")


class Statements(Protocol):
    """The transaction that is open, whichever database it is in."""

    def execute(self, sql: str, values: Values) -> int:
        """Execute one statement, and tell how many rows it met."""

    def fetch(self, sql: str, values: Values) -> Sequence[Any]:
        """All rows of an answer."""

    def stored(self, moment: datetime | None) -> object:
        """An instant as the database keeps it; naive datetimes raise ValueError."""


@functools.cache
def for_psycopg(sql: str) -> str:
    """The same statement with psycopg's `%(name)s` for every `:name`; a cast's `::` stays."""
    return _NAME.sub(r"%(\1)s", sql)

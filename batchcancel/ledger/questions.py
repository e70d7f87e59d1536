"""The questions to a ledger, in SQL that both databases share."""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from batchcancel.appointments import Decided, LeftAlone, Look, SentRequest, Traffic
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledger import contract
from batchcancel.ledger.statements import Diagnosis, restored, restored_day
from batchcancel.ledger.tables import VERSION

Record = TypeVar("Record")

_INSTANTS = (
    *("at", "starts_at", "opened_at", "settled_at", "updated_at", "sent_at", "answered_at"),
    *("started_at", "ended_at", "looked_at"),
)
_RESTORED: dict[str, Callable[[Any], Any]] = dict.fromkeys(_INSTANTS, restored) | {
    "date": restored_day,
    "state": contract.State,
    "is_moved": bool,
    "options": lambda kept: kept and json.loads(kept),
    "counts": lambda kept: kept and json.loads(kept),
    "found": json.loads,
}
"""What becomes of a column, by the name of its field."""

_BATCHES = """
    SELECT name, origin, digest, rows, rejected_rows, duplicates,
           coalesce({kind}, 'cancel'), {of_batch}, {timezone}, {selection}
    FROM batches ORDER BY batch_id
"""
_RUNS = """
    SELECT run_id, batch, started_at, ended_at, exit_code,
           {version}, {"user"}, {host}, {pid}, {options}, {counts}, {why}
    FROM runs WHERE batch = :batch ORDER BY
"""
_TALLY = """
    SELECT state, outcome, reason, count(*) FROM account
    WHERE batch = :batch GROUP BY state, outcome, reason
    UNION ALL
    SELECT 'settled', 'rejected_row', reason, count(*)
    FROM batches JOIN rejected_rows USING (batch_id)
    WHERE name = :batch GROUP BY reason
"""
_ROWS = """
    SELECT 0 AS part, appointment_id AS place, appointment_id, start, date, session, branch_id,
           state, outcome, reason, attempts, opened_at, settled_at, {line} AS line,
           CASE WHEN {start_known_by} IS NOT NULL OR start IS NULL OR starts_at IS NOT NULL
                THEN {start_known_by} ELSE 'session' END
    FROM account WHERE batch = :batch
    UNION ALL
    SELECT 1, '', {appointment_id}, NULL, NULL, NULL, NULL,
           'settled', 'rejected_row', reason, 0, NULL, NULL, line, NULL
    FROM batches JOIN rejected_rows USING (batch_id)
    WHERE name = :batch
    ORDER BY part, place, line
"""
_IS_SETTLED = """
    WHERE batch = :batch
      AND state = 'settled' AND outcome <> 'skipped'
      AND NOT (outcome = 'already_cancelled' AND attempts = 0)
      AND NOT (outcome IN ('refused', 'not_found') AND :but_refused)
"""
_SETTLED = f"SELECT appointment_id FROM account {_IS_SETTLED}"
_LEFT_ALONE = """
    SELECT appointment_id, outcome, reason FROM account
    WHERE batch = :batch
      AND (outcome = 'already_cancelled' AND attempts = 0
           OR outcome = 'skipped' AND reason IN ('completed', 'moved', 'unknown_status', 'kept'))
    ORDER BY appointment_id
"""
_DECIDED = """
    SELECT appointment_id, resolved_as, resolved_status, resolved_date, resolved_session,
           resolved_branch
    FROM account
    WHERE batch = :batch AND resolved_as IS NOT NULL AND (state <> 'settled' OR outcome = 'skipped')
"""
_OBSERVED = """
    SELECT appointment_id, observed_status, observed_date, observed_session, observed_branch,
           observed_label, observed_at
    FROM account WHERE batch = :batch AND observed_at IS NOT NULL ORDER BY appointment_id
"""
_NOT_FOUND = """
    SELECT appointment_id FROM account
    WHERE batch = :batch AND state = 'settled' AND outcome = 'not_found' ORDER BY appointment_id
"""
_SETTLED_ROWS = (
    "SELECT appointment_id, starts_at, date, session, branch_id, {line}, "
    f"{{start_known_by}}, {{manifest_start}} FROM account {_IS_SETTLED} ORDER BY appointment_id"
)
_CANCELLED = """
    SELECT appointment_id, outcome <> 'cancelled', start, {start_known_by},
           coalesce({observed_date}, date), coalesce({observed_session}, session),
           coalesce({observed_branch}, branch_id), {observed_label}, {seen_updated_at},
           {previous_status}
    FROM account
    WHERE batch = :batch AND state = 'settled'
      AND (outcome = 'cancelled' OR outcome = 'needs_review' AND reason = 'moved')
    ORDER BY appointment_id
"""
_APPROVED = """
    SELECT approval, approved_by, approved_at FROM batches
    WHERE name = :batch AND approval IS NOT NULL
"""
_OPEN = """
    SELECT appointment_id, attempts, opened_at
    FROM account
    WHERE batch = :batch AND (state = 'open' OR outcome = 'skipped' AND opened_at IS NOT NULL)
    ORDER BY appointment_id
"""
_REQUESTS = """
    SELECT sent_at, answered_at FROM requests
    WHERE key = :key AND (sent_at >= :since OR answered_at >= :since)
    ORDER BY sent_at
"""
_TRAFFIC = """
    SELECT run_id, kind, sent_at, answered_at, result FROM requests
    WHERE run_id IN (SELECT run_id FROM runs WHERE batch = :batch) ORDER BY sent_at
"""
_LOOKS = "SELECT kind, looked_at, found FROM looks WHERE batch = :batch ORDER BY looked_at"
_ANSWERED = "SELECT 1 FROM requests WHERE result LIKE '2__' LIMIT 1"


class _Since2(dict[str, str]):
    """The columns that came with version 2, by their names; NULL in a ledger of version 1."""

    def __init__(self, version: int) -> None:
        self._is_known = version > 1

    def __missing__(self, name: str) -> str:
        return name if self._is_known else "NULL"


class SqlReader(contract.LedgerReader):
    """Answers become records here; how a database is asked is its own affair.

    `version` is the ledger's: one of an earlier version that may not be migrated is asked for
    what it has, and what it lacks is None. `_order` is the column in which runs and requests
    stand in the order of their writing.
    """

    _order: ClassVar[str]
    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: Any, *, name: str, version: int = VERSION) -> None:
        self._db = db
        self._name = name
        self._version = version

    def close(self) -> None:
        self._db.close()

    @abstractmethod
    def _ask(self, sql: str, **values: object) -> Iterable[Any]:
        """The rows of an answer."""

    @abstractmethod
    def _stored(self, moment: datetime) -> object:
        """An instant as the database keeps it."""

    def _trouble(self, found: Diagnosis) -> BatchcancelError:
        return self._unreadable(f"{self._name} {found.meaning}", hint=found.hint)

    def _stream(self, sql: str, **values: object) -> Iterable[Any]:
        """The same, for so many rows that they should not be held all at once."""
        return self._ask(sql, **values)

    def batches(self) -> Sequence[contract.Batch]:
        return list(_records(contract.Batch, self._ask(self._known(_BATCHES))))

    def runs(self, batch: str) -> Sequence[contract.Run]:
        found = self._ask(f"{self._known(_RUNS)} {self._order}", batch=batch)
        return list(_records(contract.Run, found))

    def tally(self, batch: str) -> Sequence[contract.TallyLine]:
        return list(_records(contract.TallyLine, self._ask(_TALLY, batch=batch)))

    def rows(self, batch: str) -> Iterator[contract.RowRecord]:
        found = self._stream(self._known(_ROWS), batch=batch)
        return _records(contract.RowRecord, (row[2:] for row in found))

    def settled_ids(self, batch: str, *, but_refused: bool = False) -> list[str]:
        found = self._stream(_SETTLED, batch=batch, but_refused=but_refused)
        return [appointment_id for (appointment_id,) in found]

    def left_alone(self, batch: str) -> list[LeftAlone]:
        return list(_records(LeftAlone, self._ask(_LEFT_ALONE, batch=batch)))

    def observations(self, batch: str) -> Iterator[contract.Observation]:
        found = self._stream(_OBSERVED, batch=batch) if self._version > 1 else ()
        return _records(contract.Observation, found)

    def decided(self, batch: str) -> list[Decided]:
        found = self._ask(_DECIDED, batch=batch) if self._version > 1 else ()
        return [Decided(one, what, status, restored_day(day), *place)
                for one, what, status, day, *place in found]  # fmt: skip

    def not_found_ids(self, batch: str) -> list[str]:
        return [appointment_id for (appointment_id,) in self._ask(_NOT_FOUND, batch=batch)]

    def settled_rows(
        self, batch: str, *, but_refused: bool = False
    ) -> Iterator[contract.LedgerRow]:
        found = self._stream(self._known(_SETTLED_ROWS), batch=batch, but_refused=but_refused)
        return _records(contract.LedgerRow, found)

    def cancelled_rows(self, batch: str) -> Iterator[contract.CancelledRow]:
        return _records(contract.CancelledRow, self._stream(self._known(_CANCELLED), batch=batch))

    def approved(self, batch: str) -> contract.Approved | None:
        found = self._ask(_APPROVED, batch=batch) if self._version > 1 else ()
        return next(_records(contract.Approved, found), None)

    def open_rows(self, batch: str) -> list[contract.OpenRow]:
        return list(_records(contract.OpenRow, self._ask(_OPEN, batch=batch)))

    def requests_since(self, key: str, since: datetime) -> list[SentRequest]:
        found = self._ask(f"{_REQUESTS}, {self._order}", key=key, since=self._stored(since))
        return list(_records(SentRequest, found))

    def traffic(self, batch: str) -> Iterator[Traffic]:
        return _records(Traffic, self._stream(_TRAFFIC, batch=batch))

    def looks(self, batch: str) -> list[Look]:
        found = self._ask(_LOOKS, batch=batch) if self._version > 1 else ()
        return list(_records(Look, found))

    @abstractmethod
    def is_held(self, batch: str) -> bool: ...

    def was_answered(self) -> bool:
        return bool(list(self._ask(_ANSWERED)))

    def _known(self, sql: str) -> str:
        return sql.format_map(_Since2(self._version))


def _records(kind: type[Record], rows: Iterable[Any]) -> Iterator[Record]:
    """What the columns of an answer hold, in the order of the record's fields."""
    names = list(kind.__annotations__)
    restoring = [(at, _RESTORED[one]) for at, one in enumerate(names) if one in _RESTORED]
    is_tuple = issubclass(kind, tuple)
    for row in rows:
        values = [*row]
        for at, restore in restoring:
            values[at] = restore(values[at])
        yield kind(*values) if is_tuple else kind(**dict(zip(names, values, strict=True)))

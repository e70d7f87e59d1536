"""The questions to a ledger, in SQL that both databases share."""

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from batchcancel.appointments import Decided
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledger.contract import (
    Approved,
    Batch,
    CancelledRow,
    LedgerReader,
    LedgerRow,
    LeftAlone,
    Observation,
    OpenRow,
    RowRecord,
    Run,
    SentRequest,
    State,
    TallyLine,
)
from batchcancel.ledger.statements import Diagnosis, restored, restored_day
from batchcancel.ledger.tables import VERSION

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
_APPROVED = "SELECT approval, approved_by, approved_at FROM batches WHERE name = :batch"
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
_ANSWERED = "SELECT 1 FROM requests WHERE result LIKE '2__' LIMIT 1"


class _Since2(dict[str, str]):
    """The columns that came with version 2, by their names; NULL in a ledger of version 1."""

    def __init__(self, version: int) -> None:
        self._is_known = version > 1

    def __missing__(self, name: str) -> str:
        return name if self._is_known else "NULL"


class SqlReader(LedgerReader):
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

    def batches(self) -> Sequence[Batch]:
        found = self._ask(self._known(_BATCHES))
        return [Batch(**dict(zip(Batch.__slots__, row, strict=True))) for row in found]

    def runs(self, batch: str) -> Sequence[Run]:
        found = self._ask(f"{self._known(_RUNS)} {self._order}", batch=batch)
        return [self._run_record(row) for row in found]

    def tally(self, batch: str) -> Sequence[TallyLine]:
        return [
            TallyLine(State(state), outcome, reason, rows)
            for state, outcome, reason, rows in self._ask(_TALLY, batch=batch)
        ]

    def rows(self, batch: str) -> Iterator[RowRecord]:
        return map(self._row_record, self._stream(self._known(_ROWS), batch=batch))

    def settled_ids(self, batch: str, *, but_refused: bool = False) -> list[str]:
        found = self._stream(_SETTLED, batch=batch, but_refused=but_refused)
        return [appointment_id for (appointment_id,) in found]

    def left_alone(self, batch: str) -> list[LeftAlone]:
        return [LeftAlone(*row) for row in self._ask(_LEFT_ALONE, batch=batch)]

    def observations(self, batch: str) -> Iterator[Observation]:
        if self._version > 1:
            for row in self._stream(_OBSERVED, batch=batch):
                seen = Observation(*row)
                yield seen._replace(date=restored_day(seen.date), at=restored(seen.at))

    def decided(self, batch: str) -> list[Decided]:
        found = self._ask(_DECIDED, batch=batch) if self._version > 1 else ()
        return [Decided(one, what, status, restored_day(day), *place)
                for one, what, status, day, *place in found]  # fmt: skip

    def not_found_ids(self, batch: str) -> list[str]:
        return [appointment_id for (appointment_id,) in self._ask(_NOT_FOUND, batch=batch)]

    def settled_rows(self, batch: str, *, but_refused: bool = False) -> Iterator[LedgerRow]:
        found = self._stream(self._known(_SETTLED_ROWS), batch=batch, but_refused=but_refused)
        for one, starts_at, day, *said in found:
            yield LedgerRow(one, restored(starts_at), restored_day(day), *said)

    def cancelled_rows(self, batch: str) -> Iterator[CancelledRow]:
        for row in self._stream(self._known(_CANCELLED), batch=batch):
            one = CancelledRow(*row)
            yield one._replace(
                is_moved=bool(one.is_moved),
                starts_at=restored(one.starts_at),
                date=restored_day(one.date),
                updated_at=restored(one.updated_at),
            )

    def approved(self, batch: str) -> Approved | None:
        found = self._ask(_APPROVED, batch=batch) if self._version > 1 else ()
        for token, by, at in found:
            return None if token is None else Approved(token, by, restored(at))
        return None

    def open_rows(self, batch: str) -> list[OpenRow]:
        return [
            OpenRow(appointment_id, attempts, restored(opened_at))
            for appointment_id, attempts, opened_at in self._ask(_OPEN, batch=batch)
        ]

    def requests_since(self, key: str, since: datetime) -> list[SentRequest]:
        found = self._ask(f"{_REQUESTS}, {self._order}", key=key, since=self._stored(since))
        return [
            SentRequest(restored(sent_at), restored(answered_at)) for sent_at, answered_at in found
        ]

    @abstractmethod
    def is_held(self, batch: str) -> bool: ...

    def was_answered(self) -> bool:
        return bool(list(self._ask(_ANSWERED)))

    def _known(self, sql: str) -> str:
        return sql.format_map(_Since2(self._version))

    def _run_record(self, row: Sequence[Any]) -> Run:
        told = dict(zip(Run.__slots__, row, strict=True))
        for name in ("started_at", "ended_at"):
            told[name] = restored(told[name])
        for name in ("options", "counts"):
            told[name] = told[name] and json.loads(told[name])
        return Run(**told)

    def _row_record(self, row: Sequence[Any]) -> RowRecord:
        told = RowRecord._make(row[2:])
        return told._replace(
            starts_at=restored(told.starts_at),
            date=restored_day(told.date),
            state=State(told.state),
            opened_at=restored(told.opened_at),
            settled_at=restored(told.settled_at),
        )

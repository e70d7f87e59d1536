"""The questions to a ledger, in SQL that both databases share."""

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, ClassVar

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
from batchcancel.ledger.migrations import VERSION

_BATCHES = """
    SELECT name, origin, digest, rows, rejected_rows, duplicates, {since_2} FROM batches
    ORDER BY batch_id
"""
_RUNS = "SELECT run_id, batch, started_at, ended_at, exit_code, {since_2} FROM runs"
_SINCE_2 = ("version", '"user"', "host", "pid", "options", "counts", "why")
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
           CASE WHEN {known_by} IS NOT NULL OR start IS NULL OR starts_at IS NOT NULL
                THEN {known_by} ELSE 'session' END
    FROM account WHERE batch = :batch
    UNION ALL
    SELECT 1, '', {rejected_id}, NULL, NULL, NULL, NULL,
           'settled', 'rejected_row', reason, 0, NULL, NULL, line, NULL
    FROM batches JOIN rejected_rows USING (batch_id)
    WHERE name = :batch
    ORDER BY part, place, line
"""
_ROWS_SINCE_2 = {"rejected_id": "appointment_id", "known_by": "start_known_by"} | {
    name: name
    for name in (
        *("line", "manifest_start", "seen_updated_at", "previous_status"),
        *("observed_date", "observed_session", "observed_branch", "observed_label"),
    )
}
_SETTLED = """
    SELECT appointment_id FROM account
    WHERE batch = :batch
      AND state = 'settled' AND outcome <> 'skipped'
      AND NOT (outcome = 'already_cancelled' AND attempts = 0)
      AND NOT (outcome IN ('refused', 'not_found') AND :but_refused)
"""
_LEFT_ALONE = """
    SELECT appointment_id, outcome, reason FROM account
    WHERE batch = :batch
      AND (outcome = 'already_cancelled' AND attempts = 0
           OR outcome = 'skipped' AND reason IN ('completed', 'moved', 'unknown_status'))
    ORDER BY appointment_id
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
_SETTLED_ROWS = """
    SELECT appointment_id, starts_at, date, session, branch_id, {line}, {known_by},
           {manifest_start}
    FROM account
    WHERE batch = :batch AND state = 'settled' AND outcome <> 'skipped'
      AND NOT (outcome = 'already_cancelled' AND attempts = 0)
      AND NOT (outcome IN ('refused', 'not_found') AND :but_refused)
    ORDER BY appointment_id
"""
_CANCELLED = """
    SELECT appointment_id, outcome <> 'cancelled', start, {known_by},
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
    FROM account WHERE batch = :batch AND state = 'open' ORDER BY appointment_id
"""
_REQUESTS = """
    SELECT sent_at, answered_at FROM requests
    WHERE key = :key AND (sent_at >= :since OR answered_at >= :since)
    ORDER BY sent_at
"""


class SqlReader(LedgerReader):
    """Answers become records here; how a database is asked, and keeps time, is its own affair.

    `_version` is the ledger's: one of an earlier version that may not be migrated is asked for
    what it has, and what it lacks is None. `_order` is the column in which runs and requests
    stand in the order of their writing.
    """

    _order: ClassVar[str]
    _version: int = VERSION

    @abstractmethod
    def _ask(self, sql: str, **values: object) -> Iterable[Any]:
        """The rows of an answer."""

    @abstractmethod
    def _stored(self, moment: datetime) -> object:
        """An instant as the database keeps it."""

    @abstractmethod
    def _restored(self, kept: Any) -> Any:
        """The instant as an aware datetime in UTC; None stays None."""

    @abstractmethod
    def _day(self, kept: Any) -> date | None:
        """A day as the database keeps it."""

    def _stream(self, sql: str, **values: object) -> Iterable[Any]:
        """The same, for so many rows that they should not be held all at once."""
        return self._ask(sql, **values)

    def batches(self) -> Sequence[Batch]:
        since_2 = "kind, of_batch, selection" if self._version > 1 else "'cancel', NULL, NULL"
        found = self._ask(_BATCHES.format(since_2=since_2))
        return [Batch(**dict(zip(Batch.__slots__, row, strict=True))) for row in found]

    def runs(self, batch: str) -> Sequence[Run]:
        sql = f"{self._runs()} WHERE batch = :batch ORDER BY {self._order}"
        return [self._run_record(row) for row in self._ask(sql, batch=batch)]

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
                yield seen._replace(date=self._day(seen.date), at=self._restored(seen.at))

    def not_found_ids(self, batch: str) -> list[str]:
        return [appointment_id for (appointment_id,) in self._ask(_NOT_FOUND, batch=batch)]

    def settled_rows(self, batch: str, *, but_refused: bool = False) -> Iterator[LedgerRow]:
        found = self._stream(self._known(_SETTLED_ROWS), batch=batch, but_refused=but_refused)
        for one, starts_at, day, *said in found:
            yield LedgerRow(one, self._restored(starts_at), self._day(day), *said)

    def cancelled_rows(self, batch: str) -> Iterator[CancelledRow]:
        for row in self._stream(self._known(_CANCELLED), batch=batch):
            one = CancelledRow(*row)
            yield one._replace(
                is_moved=bool(one.is_moved),
                starts_at=self._restored(one.starts_at),
                date=self._day(one.date),
                updated_at=self._restored(one.updated_at),
            )

    def approved(self, batch: str) -> Approved | None:
        found = self._ask(_APPROVED, batch=batch) if self._version > 1 else ()
        for token, by, at in found:
            return None if token is None else Approved(token, by, self._restored(at))
        return None

    def open_rows(self, batch: str) -> list[OpenRow]:
        return [
            OpenRow(appointment_id, attempts, self._restored(opened_at))
            for appointment_id, attempts, opened_at in self._ask(_OPEN, batch=batch)
        ]

    def requests_since(self, key: str, since: datetime) -> list[SentRequest]:
        found = self._ask(f"{_REQUESTS}, {self._order}", key=key, since=self._stored(since))
        return [
            SentRequest(self._restored(sent_at), self._restored(answered_at))
            for sent_at, answered_at in found
        ]

    def _known(self, sql: str) -> str:
        """The question, without what a ledger of version 1 does not tell."""
        known = self._version > 1
        return sql.format_map({name: of if known else "NULL" for name, of in _ROWS_SINCE_2.items()})

    def _runs(self) -> str:
        columns = _SINCE_2 if self._version > 1 else ["NULL"] * len(_SINCE_2)
        return _RUNS.format(since_2=", ".join(columns))

    def _run_record(self, row: tuple[Any, ...]) -> Run:
        run_id, batch, started_at, ended_at, exit_code, *who, options, counts, why = row
        version, user, host, pid = who
        return Run(
            run_id=run_id,
            batch=batch,
            started_at=self._restored(started_at),
            ended_at=self._restored(ended_at),
            exit_code=exit_code,
            version=version,
            user=user,
            host=host,
            pid=pid,
            options=options and json.loads(options),
            counts=counts and json.loads(counts),
            why=why,
        )

    def _row_record(self, row: tuple[Any, ...]) -> RowRecord:
        _, _, appointment_id, start, day, session, branch_id, *rest = row
        state, outcome, reason, attempts, opened_at, settled_at, line, known_by = rest
        return RowRecord(
            appointment_id=appointment_id,
            starts_at=self._restored(start),
            date=self._day(day),
            session=session,
            branch_id=branch_id,
            state=State(state),
            outcome=outcome,
            reason=reason,
            attempts=attempts,
            opened_at=self._restored(opened_at),
            settled_at=self._restored(settled_at),
            line=line,
            start_known_by=known_by,
        )

"""The questions to a ledger in a SQL database, whichever it is."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from batchcancel.ledger import (
    Batch,
    LedgerReader,
    OpenRow,
    RowRecord,
    Run,
    SentRequest,
    State,
    TallyLine,
)


class Questions(NamedTuple):
    """One statement for each, in the database's own dialect."""

    batches: str
    runs: str
    tally: str
    rows: str
    settled: str
    open: str
    requests: str


class SqlReader(LedgerReader):
    """Answers become records here; how a database is asked, and keeps time, is its own affair."""

    _questions: Questions

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
        columns = Batch.__slots__
        found = self._ask(self._questions.batches)
        return [Batch(**dict(zip(columns, row, strict=True))) for row in found]

    def runs(self, batch: str) -> Sequence[Run]:
        return [
            Run(
                run_id=run_id,
                batch=of_batch,
                started_at=self._restored(started_at),
                ended_at=self._restored(ended_at),
                exit_code=exit_code,
            )
            for run_id, of_batch, started_at, ended_at, exit_code in self._ask(
                self._questions.runs, batch=batch
            )
        ]

    def tally(self, batch: str) -> Sequence[TallyLine]:
        return [
            TallyLine(State(state), outcome, reason, rows)
            for state, outcome, reason, rows in self._ask(self._questions.tally, batch=batch)
        ]

    def rows(self, batch: str) -> Iterator[RowRecord]:
        return map(self._row_record, self._stream(self._questions.rows, batch=batch))

    def settled_ids(self, batch: str, *, but_refused: bool = False) -> list[str]:
        found = self._stream(self._questions.settled, batch=batch, but_refused=but_refused)
        return [appointment_id for (appointment_id,) in found]

    def open_rows(self, batch: str) -> list[OpenRow]:
        return [
            OpenRow(appointment_id, attempts, self._restored(opened_at))
            for appointment_id, attempts, opened_at in self._ask(self._questions.open, batch=batch)
        ]

    def requests_since(self, key: str, since: datetime) -> list[SentRequest]:
        found = self._ask(self._questions.requests, key=key, since=self._stored(since))
        return [
            SentRequest(self._restored(sent_at), self._restored(answered_at))
            for sent_at, answered_at in found
        ]

    def _row_record(self, row: tuple[Any, ...]) -> RowRecord:
        appointment_id, start, day, session, branch_id, *standing, opened_at, settled_at = row
        state, outcome, reason, attempts = standing
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
        )

"""The questions to a ledger, in SQL that both databases share."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from batchcancel.appointments import Decided
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.ledger import contract
from batchcancel.ledger.pruning import STANDINGS, Standing, finished
from batchcancel.ledger.statements import Diagnosis, Values, restored, restored_day
from batchcancel.ledger.tables import IN_DOUBT, VERSION

Record = TypeVar("Record")

_INSTANTS = (
    *("at", "starts_at", "opened_at", "settled_at", "updated_at", "sent_at", "answered_at"),
    *("started_at", "ended_at", "looked_at"),
)
_RESTORED: dict[str, Callable[[Any], Any]] = dict.fromkeys(_INSTANTS, restored) | {
    "date": restored_day,
    "day": restored_day,
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
    FROM batches
"""
_IS_SETTLED = """
    FROM account
    WHERE batch = :batch
      AND state = 'settled' AND outcome <> 'skipped'
      AND NOT (outcome = 'already_cancelled' AND attempts = 0)
      AND NOT (outcome IN ('refused', 'not_found') AND :but_refused)
"""
_FOR_WHAT_IT_WAS = """(
    outcome = 'skipped' AND reason IN ('completed', 'moved', 'unknown_status', 'kept'))"""
_AS_CANCELLED = """
    SELECT appointment_id, outcome = 'needs_review', start, {start_known_by},
           coalesce({observed_date}, date), coalesce({observed_session}, session),
           coalesce({observed_branch}, branch_id), {observed_label}, {seen_updated_at},
           {previous_status}
    FROM account
    WHERE batch = :batch AND state = 'settled'
"""


class _Words(dict[str, str]):
    """A database's own words, and the columns of version 2: NULL in a ledger of version 1."""

    def __init__(self, version: int, **own: str) -> None:
        super().__init__(own)
        self._is_known = version > 1

    def __missing__(self, name: str) -> str:
        return name if self._is_known else "NULL"


class _Answers(Generic[Record]):
    """What is answered about a batch, as records: its columns stand as the record's fields."""

    def __init__(self, kind: type[Record]) -> None:
        self._kind = kind

    def listed(self, sql: str) -> Callable[["LedgerReader", str], list[Record]]:
        return lambda reader, batch: list(_records(self._kind, reader.ask(sql, batch=batch)))

    def streamed(self, sql: str) -> Callable[["LedgerReader", str], Iterator[Record]]:
        return lambda reader, batch: _records(self._kind, reader.stream(sql, batch=batch))

    def of_each(
        self, sql: str
    ) -> Callable[["LedgerReader", Iterable[str]], dict[str, list[Record]]]:
        """About several batches in one question; its first column names the batch."""

        def answer(reader: "LedgerReader", batches: Iterable[str]) -> dict[str, list[Record]]:
            found: dict[str, list[Record]] = {one: [] for one in batches}
            rows = [*reader.ask(sql, batches=json.dumps([*found]))]
            records = _records(self._kind, (row[1:] for row in rows))
            for (batch, *_), record in zip(rows, records, strict=True):
                found[batch].append(record)
            return found

        return answer

    def first(self, sql: str) -> Callable[["LedgerReader", str], Record | None]:
        return lambda reader, batch: next(iter(self.listed(sql)(reader, batch)), None)


class LedgerReader(ABC):
    """What a ledger can be asked, also while a run is going on; how is each database's affair.

    `version` is the ledger's: one of an earlier version that may not be migrated is asked for
    what it has, and what it lacks, the columns in braces, is None.
    """

    _order: ClassVar[str]
    """The column in which runs and requests stand in the order of their writing."""

    _listed: ClassVar[str]
    """The texts of the JSON array `:batches`."""

    _unreadable: type[BatchcancelError] = InputError

    def __init__(self, db: Any, *, name: str, version: int = VERSION) -> None:
        self._db = db
        self._name = name
        self._version = version
        self._words = _Words(version, order=self._order, listed=self._listed)

    def close(self) -> None:
        """Let go of files, connections and locks."""
        self._db.close()

    @abstractmethod
    def is_held(self, batch: str) -> bool:
        """Whether a run holds the batch now: its lease has not run out."""

    @abstractmethod
    def _execute(self, sql: str, values: Values, *, is_streamed: bool) -> Iterable[Any]:
        """The rows of an answer; not all at once where it is streamed."""

    def batches(self) -> list[contract.Batch]:
        """All batches, oldest first."""
        return list(_records(contract.Batch, self.ask(f"{_BATCHES} ORDER BY batch_id")))

    def batch(self, name: str) -> contract.Batch:
        """The one of that name, which is there."""
        [found] = _records(contract.Batch, self.ask(f"{_BATCHES} WHERE name = :name", name=name))
        return found

    def finished(self, before: datetime) -> list[Standing]:
        """The batches in which nothing is left to do since then."""
        return finished(_records(Standing, self.ask(STANDINGS)), before=before)

    def runs(self, batch: str) -> list[contract.Run]:
        """The runs over a batch, oldest first."""
        return self.runs_of_each([batch])[batch]

    runs_of_each = _Answers(contract.Run).of_each("""
        SELECT batch, run_id, batch, started_at, ended_at, exit_code,
               {version}, {"user"}, {host}, {pid}, {options}, {counts}, {why}
        FROM runs WHERE batch IN ({listed}) ORDER BY {order}
    """)

    def tally(self, batch: str) -> list[contract.TallyLine]:
        """Every row of the batch counted once, rejected rows included."""
        return self.tally_of_each([batch])[batch]

    tally_of_each = _Answers(contract.TallyLine).of_each("""
        SELECT batch, state, outcome, reason, count(*) FROM account
        WHERE batch IN ({listed}) GROUP BY batch, state, outcome, reason
        UNION ALL
        SELECT name, 'settled', 'rejected_row', reason, count(*)
        FROM batches JOIN rejected_rows USING (batch_id)
        WHERE name IN ({listed}) GROUP BY name, reason
    """)

    def rows(self, batch: str) -> Iterator[contract.RowRecord]:
        """Every appointment of the batch, ordered by id, then the rejected rows by line."""
        sql = """
            SELECT 0 AS part, appointment_id AS place,
                   appointment_id, start, date, session, branch_id,
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
        return _records(contract.RowRecord, (row[2:] for row in self.stream(sql, batch=batch)))

    def settled_ids(self, batch: str, *, but_refused: bool = False) -> list[str]:
        """Ids that must not be sent again, with or without the refused and not-found ones.

        What is decided anew is not among them: skipped, or cancelled by others and never sent.
        """
        sql = f"SELECT appointment_id {_IS_SETTLED}"
        return [one for (one,) in self.stream(sql, batch=batch, but_refused=but_refused)]

    def settled_rows(
        self, batch: str, *, but_refused: bool = False
    ) -> Iterator[contract.LedgerRow]:
        """What the manifest said of these rows, ordered by id."""
        sql = f"""
            SELECT appointment_id, starts_at, date, session, branch_id, {{line}},
                   {{start_known_by}}, {{manifest_start}} {_IS_SETTLED} ORDER BY appointment_id
        """
        found = self.stream(sql, batch=batch, but_refused=but_refused)
        return _records(contract.LedgerRow, found)

    left_alone = _Answers(contract.LeftAlone).listed(f"""
        SELECT appointment_id,
               CASE WHEN {_FOR_WHAT_IT_WAS} THEN outcome ELSE 'already_cancelled' END,
               CASE WHEN {_FOR_WHAT_IT_WAS} THEN reason END
        FROM account
        WHERE batch = :batch
          AND ({_FOR_WHAT_IT_WAS}
               OR attempts = 0
                  AND (outcome = 'already_cancelled'
                       OR {{observed_status}} = 'cancelled'
                          AND (state = 'waiting' OR outcome IN ('skipped', 'not_found'))))
        ORDER BY appointment_id
    """)
    """Rows that were not sent for what was seen of them: where they stand until seen again.

    What was seen cancelled stays so, also where a later run could not look, and let it wait.
    """

    observations = _Answers(contract.Observation).streamed("""
        SELECT appointment_id, {observed_status}, {observed_date}, {observed_session},
               {observed_branch}, {observed_label}, {observed_at}
        FROM account WHERE batch = :batch AND {observed_at} IS NOT NULL ORDER BY appointment_id
    """)
    """What was last seen of the rows of which anything was, ordered by id."""

    decided = _Answers(Decided).listed("""
        SELECT appointment_id, {resolved_as}, {resolved_status}, {resolved_date},
               {resolved_session}, {resolved_branch}
        FROM account
        WHERE batch = :batch AND {resolved_as} IS NOT NULL
          AND (state <> 'settled' OR outcome = 'skipped')
    """)
    """What persons decided on rows that are not settled, or skipped."""

    def not_found_ids(self, batch: str) -> list[str]:
        """Ids of the rows that the API did not know."""
        sql = """
            SELECT appointment_id FROM account
            WHERE batch = :batch AND state = 'settled' AND outcome = 'not_found'
            ORDER BY appointment_id
        """
        return [one for (one,) in self.ask(sql, batch=batch)]

    cancelled_rows = _Answers(contract.CancelledRow).streamed(f"""
        {_AS_CANCELLED}
          AND (outcome = 'cancelled' OR outcome = 'needs_review' AND reason = 'moved')
        ORDER BY appointment_id
    """)
    """What this batch itself cancelled and nobody has restored, ordered by id."""

    restored_rows = _Answers(contract.CancelledRow).listed(f"""
        {_AS_CANCELLED} AND outcome = 'restored' ORDER BY appointment_id
    """)
    """What this batch had cancelled and a restore put back, ordered by id."""

    def settled_places(self, batch: str) -> list[contract.SettledPlace]:
        """Where the rows lie that must not be sent again, each place once."""
        day = "coalesce(date, {observed_date})"
        sql = f"""
            SELECT DISTINCT {day} AS day, coalesce(session, {{observed_session}}),
                   coalesce(branch_id, {{observed_branch}}), CASE WHEN {day} IS NULL THEN start END
            {_IS_SETTLED}
        """
        found = self.ask(sql, batch=batch, but_refused=False)
        return list(_records(contract.SettledPlace, found))

    approved = _Answers(contract.Approved).first("""
        SELECT {approval}, {approved_by}, {approved_at} FROM batches
        WHERE name = :batch AND {approval} IS NOT NULL
    """)
    """The approval of the batch; None where it was run without one."""

    open_rows = _Answers(contract.OpenRow).listed(f"""
        SELECT appointment_id, attempts, opened_at
        FROM account WHERE batch = :batch AND {IN_DOUBT} ORDER BY appointment_id
    """)
    """Rows to be read back before anything else is done about them."""

    def requests_since(self, key: str, since: datetime) -> list[contract.SentRequest]:
        """Requests with this key (its fingerprint) sent or answered since then, oldest first."""
        sql = """
            SELECT sent_at, answered_at FROM requests
            WHERE key = :key AND (sent_at >= :since OR answered_at >= :since)
            ORDER BY sent_at, {order}
        """
        return list(_records(contract.SentRequest, self.ask(sql, key=key, since=since)))

    traffic = _Answers(contract.Traffic).streamed("""
        SELECT run_id, kind, sent_at, answered_at, result FROM requests
        WHERE run_id IN (SELECT run_id FROM runs WHERE batch = :batch) ORDER BY sent_at
    """)
    """The requests of the batch's runs, oldest first."""

    def looks(self, batch: str, *, rest: bool = False) -> list[contract.Look]:
        """What was found by looking at the batch, oldest first; or the rest of a paused run."""
        sql = """
            SELECT kind, looked_at, found FROM looks
            WHERE batch = :batch AND (kind = 'rest') = :rest ORDER BY looked_at
        """
        found = self.ask(sql, batch=batch, rest=rest) if self._version > 1 else ()
        return list(_records(contract.Look, found))

    def was_answered(self) -> bool:
        """Whether any request of this ledger was ever answered as the API alone answers."""
        return bool(list(self.ask("SELECT 1 FROM requests WHERE result LIKE '2__' LIMIT 1")))

    def ask(self, sql: str, **values: object) -> Iterable[Any]:
        """The rows of an answer."""
        return self._execute(sql.format_map(self._words), values, is_streamed=False)

    def stream(self, sql: str, **values: object) -> Iterable[Any]:
        """The same, for so many rows that they should not be held all at once."""
        return self._execute(sql.format_map(self._words), values, is_streamed=True)

    def _trouble(self, found: Diagnosis) -> BatchcancelError:
        return self._unreadable(f"{self._name} {found.meaning}", hint=found.hint)


def _records(kind: type[Record], rows: Iterable[Any]) -> Iterator[Record]:
    """What the columns of an answer hold, in the order of the record's fields."""
    names = list(kind.__annotations__)
    restoring = [(at, _RESTORED[one]) for at, one in enumerate(names) if one in _RESTORED]
    is_tuple = issubclass(kind, tuple)
    for row in rows:
        values = [*row]
        try:
            for at, restore in restoring:
                values[at] = restore(values[at])
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(
                "the ledger is damaged: it holds what this program never writes",
                hint="Keep it, restore it from a backup or name another with --ledger.",
            ) from error
        yield kind(*values) if is_tuple else kind(**dict(zip(names, values, strict=True)))

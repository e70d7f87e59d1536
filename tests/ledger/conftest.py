"""Every ledger is put through the same contract: register another one in MAKERS."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batchcancel.appointments import Outcome, OutcomeName, SkipReason
from batchcancel.ledger.contract import (
    Batch,
    Intent,
    LedgerRow,
    Noted,
    RowRecord,
    Run,
    Settled,
    State,
    Withdrawn,
)
from batchcancel.ledger.postgres.ledger import open_postgres, read_postgres
from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.sqlite.ledger import open_sqlite, read_sqlite
from batchcancel.ledger.writing import Ledger
from tests.debian import pooled, postgres_15
from tests.postgres import Server

ORIGIN = "https://api.example.test"
KEY = "key-fingerprint"
NOON = datetime(2026, 11, 3, 12, 0, 0, 123_456, tzinfo=UTC)
LATER = NOON + timedelta(seconds=5)
SKIPPED = Outcome(OutcomeName.SKIPPED, SkipReason.NOTICE_WINDOW)
WAITING, OPEN = (State.WAITING, None, None), (State.OPEN, None, None)
"""How rows stand that nothing was said of."""

WHO = {"origin": ORIGIN, "key": KEY}

Open = Callable[..., Ledger]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger may be."""
    return tmp_path / "closure.ledger.db"


@pytest.fixture
def ask(postgres: Server, database: str) -> Callable[[str], list[Any]]:
    """Ask the test's database something else."""
    return lambda sql: postgres.execute(sql, url=database)


@dataclass
class Store:
    """One place where a ledger is kept; opens it as often as a test likes and closes it all."""

    open_ledger: Open
    open_reader: Callable[[], LedgerReader]
    closing: ExitStack = field(default_factory=ExitStack)

    def open(self, *, origin: str = ORIGIN, key: str = KEY) -> Ledger:
        return self.closing.enter_context(closing(self.open_ledger(origin=origin, key=key)))

    def reader(self) -> LedgerReader:
        return self.closing.enter_context(closing(self.open_reader()))


def sqlite_store(request: pytest.FixtureRequest) -> Store:
    path: Path = request.getfixturevalue("tmp_path") / "closure.ledger.db"
    return Store(
        open_ledger=lambda **who: open_sqlite(path, **who), open_reader=lambda: read_sqlite(path)
    )


def postgres_store(request: pytest.FixtureRequest) -> Store:
    return store_at(request.getfixturevalue("database"))


def pooled_store(request: pytest.FixtureRequest) -> Store:
    return store_at(request.getfixturevalue("transactions_pooled")())


def store_at(url: str) -> Store:
    return Store(
        open_ledger=lambda **who: open_postgres(url, **who), open_reader=lambda: read_postgres(url)
    )


@pytest.fixture(scope="session")
def debian_postgres() -> Iterator[Server]:
    with postgres_15() as server:
        yield server


@pytest.fixture(scope="session")
def transactions_pooled(debian_postgres: Server) -> Iterator[Callable[[], str]]:
    """URLs of new databases behind a pooler that hands sessions on after each transaction."""
    with pooled(debian_postgres, "transaction") as url_of:
        yield lambda: url_of(debian_postgres.database())


MAKERS = {"sqlite": sqlite_store, "postgres": postgres_store, "pgbouncer": pooled_store}


@pytest.fixture(params=["sqlite", "postgres", pytest.param("pgbouncer", marks=pytest.mark.long)])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    store = MAKERS[request.param](request)
    with store.closing:
        yield store


@dataclass(frozen=True)
class Example:
    """A batch of three rows, and the shortest way to say what happens to it."""

    origin: str = ORIGIN
    name: str = "closure"
    ids: tuple[str, ...] = ("a", "b", "c")

    def batch(self, **changes: object) -> Batch:
        counts = {"rows": len(self.ids), "rejected_rows": 0, "duplicates": 0}
        named = {"name": self.name, "origin": self.origin, "digest": "digest-1"}
        return Batch(**{**named, **counts, **changes})

    def row(self, appointment_id: str, **changes: object) -> LedgerRow:
        day = date(2026, 11, 3)
        row = LedgerRow(
            appointment_id, NOON, day, "MORNING", "br_1", line=2, start_known_by="session"
        )
        return row._replace(**changes)

    def rows(self) -> list[LedgerRow]:
        return [self.row(appointment_id) for appointment_id in self.ids]

    def run(self, run_id: str = "run-1", **changes: object) -> Run:
        return Run(**{"run_id": run_id, "batch": self.name, "started_at": NOON, **changes})

    def begin(self, ledger: Ledger, run_id: str = "run-1") -> Ledger:
        ledger.hold(self.run(run_id))
        ledger.enrol(self.batch(), self.rows(), [])
        return ledger

    def intent(self, appointment_id: str, request: int = 1, **changes: object) -> Intent:
        known = {"request": request, "appointment_id": appointment_id, "attempt": 1, "at": NOON}
        return Intent(**{**known, "opened_at": changes.get("at", NOON), **changes})

    def withdrawn(self, appointment_id: str, **changes: bool) -> Withdrawn:
        nothing = {"is_sent": False, "was_in_doubt": False}
        return Withdrawn(appointment_id=appointment_id, **(nothing | changes))

    def noted(
        self, appointment_id: str, name: OutcomeName = OutcomeName.NOT_FOUND, reason: str = "CODE"
    ) -> Noted:
        return Noted(appointment_id=appointment_id, outcome=Outcome(name, reason))

    def settled(
        self,
        appointment_id: str,
        name: OutcomeName = OutcomeName.CANCELLED,
        reason: str | None = None,
        at: datetime = NOON,
        updated_at: datetime | None = None,
    ) -> Settled:
        outcome = Outcome(name, reason)
        return Settled(appointment_id=appointment_id, outcome=outcome, at=at, updated_at=updated_at)

    def record(
        self, ledger: LedgerReader, appointment_id: str, batch: str = "closure"
    ) -> RowRecord:
        return next(row for row in ledger.rows(batch) if row.appointment_id == appointment_id)

    def standing(self, ledger: LedgerReader) -> dict[str, tuple[State, str | None, str | None]]:
        """State, outcome and reason of every row."""
        rows = ledger.rows(self.name)
        return {row.appointment_id: (row.state, row.outcome, row.reason) for row in rows}


@pytest.fixture(scope="session")
def example() -> Example:
    return Example()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return store.open()


@pytest.fixture
def held(ledger: Ledger, example: Example) -> Ledger:
    return example.begin(ledger)

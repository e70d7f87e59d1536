"""What both ledgers write; how a transaction is had, and a batch taken, is each one's own."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from batchcancel.appointments import Look, Outcome, RejectedRow, Resolved
from batchcancel.errors import (
    BatchcancelError,
    BatchHeld,
    InputError,
    LedgerWriteFailed,
    StoppedEarly,
)
from batchcancel.ledger import contract, enrolment
from batchcancel.ledger.contract import (
    Approved,
    Batch,
    Entry,
    LedgerRow,
    Observation,
    Run,
)
from batchcancel.ledger.entries import Holder, begin_run, end_run, record
from batchcancel.ledger.lease import BEATS, TTL_S, Heartbeat
from batchcancel.ledger.questions import SqlReader
from batchcancel.ledger.statements import Statements, Values

Result = TypeVar("Result")


class Held(Protocol):
    """A lease on the batch of a run."""

    def release(self, into: Any, /) -> None: ...


class SqlLedger(SqlReader, contract.Ledger):
    """The account of one run, in whichever database.

    `_ORIGINS` finds the origins of a batch and of those that may not be beside it; `_REQUEST` and
    `_ANSWER` write down a request and what came of it.
    """

    _ORIGINS: ClassVar[str]
    _REQUEST: ClassVar[str]
    _ANSWER: ClassVar[str]
    _unreadable: type[BatchcancelError] = StoppedEarly

    def __init__(self, db: Any, *, name: str, origin: str, key: str, ttl: float = TTL_S) -> None:
        super().__init__(db, name=name)
        self._origin = origin
        self._key = key
        self._ttl = ttl
        self._run: Run | None = None
        self._lease: Held | None = None
        self._heartbeat: Heartbeat | None = None

    @abstractmethod
    def _write(self, work: Callable[[Statements], Result], *, is_long: bool = False) -> Result:
        """Do `work` in one durable transaction, fenced by the lease where there is one."""

    @abstractmethod
    def _take(self, run: Run) -> Held | None:
        """Take the batch and `_begin`; None where nobody else can have it, so it needs no lease."""

    @abstractmethod
    def _renew(self) -> None:
        """Renew the lease; `LedgerWriteFailed` where that may succeed later."""

    @abstractmethod
    def _identity(self, number: int) -> Values:
        """The values by which the request with that number in its run is found."""

    def hold(self, run: Run) -> None:
        if self._run is not None:
            raise BatchHeld(f"run {self._run.run_id} has batch {self._run.batch}")
        self._lease = self._take(run)
        self._run = run
        if self._lease is not None:
            every = self._ttl / BEATS
            self._heartbeat = Heartbeat(self._renew, every=every, passing=LedgerWriteFailed)

    def finish(self, run: Run) -> None:
        def finish(into: Statements) -> None:
            end_run(into, run)
            if self._lease is not None:
                self._lease.release(into)

        self._stop_heartbeat()
        self._write(finish)
        self._run = self._lease = None

    def enrol(
        self, batch: Batch, rows: Iterable[LedgerRow], rejected: Iterable[RejectedRow]
    ) -> None:
        self._require_origin(batch.origin)
        if batch in self.batches():
            return

        def enrol(into: Statements) -> None:
            self._require_origin_of(into, batch.name)
            enrolment.enrol(into, batch, rows, rejected)

        self._write(enrol, is_long=True)

    def decide(
        self,
        batch: str,
        endings: Iterable[tuple[str, Outcome]],
        observed: Iterable[Observation] = (),
    ) -> None:
        self._write(lambda into: enrolment.decide(into, batch, endings, observed), is_long=True)

    def reopen_refused(self, batch: str) -> int:
        return self._write(lambda into: enrolment.reopen_refused(into, batch), is_long=True)

    def resolve(self, batch: str, resolved: Iterable[Resolved]) -> int:
        return self._write(lambda into: enrolment.resolve(into, batch, resolved), is_long=True)

    def approve(self, batch: str, approved: Approved) -> None:
        self._write(lambda into: enrolment.approve(into, batch, approved), is_long=True)

    def note(self, batch: str, look: Look) -> None:
        self._write(lambda into: enrolment.note(into, batch, look), is_long=True)

    def commit(self, entries: Sequence[Entry]) -> None:
        def commit(into: Statements) -> None:
            holder = self._holder(into)
            for entry in entries:
                record(into, entry, holder)

        if entries:
            self._write(commit)

    def _begin(self, into: Statements, run: Run) -> None:
        self._require_origin_of(into, run.batch)
        begin_run(into, run)

    def _holder(self, into: Statements) -> Holder:
        run = self._run
        return Holder(
            batch_id=None if run is None else enrolment.batch_id_of(into, run.batch),
            run_id=None if run is None else run.run_id,
            key=self._key,
            ask=self._REQUEST,
            answer=self._ANSWER,
            identity=self._identity,
        )

    def _require_origin_of(self, into: Statements, batch: str) -> None:
        for (origin,) in into.fetch(self._ORIGINS, {"batch": batch}):
            self._require_origin(origin)

    def _require_origin(self, origin: str) -> None:
        if origin != self._origin:
            raise InputError(
                f"{self._name} holds batches of {origin}, and this run is for {self._origin}",
                hint="Name another with --ledger, or in a database another batch with --batch.",
            )

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
        self._heartbeat = None

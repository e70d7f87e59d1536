"""What is written on a ledger; how a transaction is had, and a batch taken, is each database's."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

from batchcancel.api import Rate, SharedWindow
from batchcancel.appointments import RejectedRow
from batchcancel.errors import (
    BatchcancelError,
    BatchHeld,
    InputError,
    StoppedEarly,
)
from batchcancel.ledger import enrolment, pruning
from batchcancel.ledger.contract import Batch, Entry, Intent, LedgerRow, Run
from batchcancel.ledger.entries import begin_run, end_run, record
from batchcancel.ledger.lease import BEATS, TTL_S, Heartbeat, SomeLease, leased
from batchcancel.ledger.mark import Known, Mark, WentBack, lost
from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.statements import Statements, Values, restored

_STANDS = "SELECT commits, lost_since FROM leases WHERE batch = :batch"
_LOST = "UPDATE leases SET commits = :commits, lost_since = :since WHERE batch = :batch"
_FOUND = "UPDATE leases SET lost_since = NULL WHERE batch = :batch"
_LAST = """
    SELECT (SELECT max(CASE WHEN opened_at > observed_at OR observed_at IS NULL
                            THEN opened_at ELSE observed_at END) FROM account WHERE batch = :batch),
           (SELECT max(started_at) FROM runs WHERE batch = :batch AND run_id <> :run_id)
"""
_CLOCK, _OWN_CLOCK = timedelta(seconds=2), timedelta(minutes=1)
"""How far the server's clock may be from what was told of it, and our own from the server's."""

Result = TypeVar("Result")
Told = ParamSpec("Told")


def _whole(
    work: Callable[Concatenate[Statements, Told], Result],
) -> Callable[Concatenate["Ledger", Told], Result]:
    """The same in one transaction of a ledger, however long it takes: whole or not at all."""

    def write(self: "Ledger", /, *told: Told.args, **named: Told.kwargs) -> Result:
        return self._write(lambda into: work(into, *told, **named), is_long=True)

    return write


class Ledger(LedgerReader):
    """The account of one run, for one origin and one key: who holds a batch alone writes on it.

    Failing to write raises `LedgerWriteFailed`. `_ORIGINS` finds the origins of a batch and of
    those that may not be beside it. `state` is the folder for marks, which tell of a ledger that
    went back.
    """

    _ORIGINS: ClassVar[str]
    _unreadable: type[BatchcancelError] = StoppedEarly

    def __init__(
        self, db: Any, *, name: str, origin: str, key: str, ttl: float = TTL_S,
        state: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(db, name=name)
        self._state = state
        self._mark: Mark | None = None
        self.went_back: WentBack | None = None
        """What the held batch may lack: rows on which `enrol` has not written that yet."""
        self._origin = origin
        self._key = key
        self._ttl = ttl
        self._run: Run | None = None
        self._lease: SomeLease | None = None
        self._heartbeat: Heartbeat | None = None

    @abstractmethod
    def require_room_for(self, texts: Iterable[str]) -> None:
        """Raise `InputError` where one of these texts cannot be kept as it is."""

    @abstractmethod
    def require_held(self) -> None:
        """Raise `LedgerWriteFailed` where another run may have the batch by now.

        Asked between an intent and its PATCH: a machine that slept may have been given up.
        """

    @abstractmethod
    def shared_window(self, rate: Rate, *, timeout: float) -> SharedWindow | None:
        """The key's window, where several programs write; a request is over after `timeout` s."""

    @abstractmethod
    def hurry(self, after: float) -> None:
        """Wait for nothing any more so many seconds from now, whatever waits then.

        The run is to stop, and what is not written is read back.
        """

    @abstractmethod
    def _write(self, work: Callable[[Any], Result], *, is_long: bool = False) -> Result:
        """Do `work` in one durable transaction, fenced by the lease where there is one."""

    @abstractmethod
    def _take(self, run: Run) -> SomeLease | None:
        """Take the batch and `_begin`; None where nobody else can have it, so it needs no lease."""

    @abstractmethod
    def _stood(self, into: Any, batch: str) -> tuple[int, bool]:
        """The token of a batch's lease, and whether all is where it was written last."""

    @abstractmethod
    def _renew(self) -> None:
        """Renew the lease; `LedgerWriteFailed` where that may succeed later."""

    @abstractmethod
    def _held(self, into: Any) -> set[str]:
        """The batches that runs have now, as they are leased; nobody takes one in `loaded`."""

    @abstractmethod
    def _identity(self, number: int) -> Values:
        """The columns by which the request with that number in its run is found."""

    def hold(self, run: Run) -> None:
        """Begin a run over `run.batch`; `BatchHeld` when another run has it."""
        if self._run is not None:
            raise BatchHeld(f"run {self._run.run_id} has batch {self._run.batch}")
        self._lease = self._take(run)
        self._run = run
        if self._lease is not None:
            self._heartbeat = Heartbeat(self._renew, every=self._ttl / BEATS)

    def finish(self, run: Run) -> None:
        """Write how the run ended and let go of the batch."""

        def finish(into: Statements) -> None:
            end_run(into, run)
            if self._lease is not None:
                self._lease.release(into)

        self._stop_heartbeat()
        self._write(finish)
        self._remember()
        self._forget()
        self._run = self._lease = None

    def enrol(
        self, batch: Batch, rows: Iterable[LedgerRow], rejected: Iterable[RejectedRow]
    ) -> None:
        """Make the batch hold exactly these rows; whole or not at all.

        Rows that were known keep their state, and with a final outcome also what was said of
        them and is left out now. Rows that are no longer named are dropped while they are waiting
        or skipped, and stay otherwise: what was sent is never forgotten.
        """
        self._require_origin(batch.origin)
        back = None if batch.kind == "restore" else self.went_back
        if batch in self.batches() and back is None:
            return

        def enrol(into: Statements) -> None:
            self._require_origin_of(into, batch.name)
            enrolment.enrol(into, batch, rows, rejected)
            if back is not None:
                enrolment.doubt(into, batch.name, since=back.since)
                into.execute(_FOUND, {"batch": leased(batch.name)})

        self._write(enrol, is_long=True)

    def prune(self, batches: Collection[str], *, before: datetime) -> Mapping[str, int]:
        """Forget these as far as nothing is left to do in them since `before`; tells what went."""

        def prune(into: Statements) -> Mapping[str, int]:
            return pruning.prune(into, batches, before=before, held=lambda: self._held(into))

        return self._write(prune, is_long=True)

    decide = _whole(enrolment.decide)
    reopen_refused = _whole(enrolment.reopen_refused)
    resolve = _whole(enrolment.resolve)
    approve = _whole(enrolment.approve)
    note = _whole(enrolment.note)
    keep_rest = _whole(enrolment.keep_rest)

    def commit(self, entries: Sequence[Entry]) -> None:
        """Write the entries of the held batch in one durable transaction, in their order.

        An intent for a settled row, or for a row that is not in the batch, and the withdrawal of
        none raise `LedgerWriteFailed`, and nothing of the transaction is kept.
        """
        run = self._run

        def commit(into: Statements) -> None:
            by = {
                "batch_id": None if run is None else enrolment.batch_id_of(into, run.batch),
                "run_id": None if run is None else run.run_id,
                "key": self._key,
            }
            for entry in entries:
                number = getattr(entry, "request", 0)
                record(into, entry, by=by, request=self._identity(number))

        if entries:
            self._write(commit)
            self._remember(one.opened_at for one in entries if isinstance(one, Intent))

    def look_back(self, batch: str) -> None:
        """Find out whether the batch lacks what was sent for it, without taking it."""

        def look(into: Any) -> WentBack | None:
            token, is_same = self._stood(into, leased(batch))
            return self._compared(into, batch, token=token, is_same=is_same)[1]

        self.went_back = self._write(look)

    def _begin(self, into: Statements, run: Run) -> None:
        self._require_origin_of(into, run.batch)
        begin_run(into, run)

    def _look_back(self, into: Statements, run: Run, *, token: int, is_same: bool) -> int:
        """The same of the batch that was just taken; gives its number of commits.

        `token` is that of its lease before. What is found stands in the ledger until the next
        manifest is enrolled.
        """
        commits, self.went_back = self._compared(
            into, run.batch, token=token, is_same=is_same, but=run.run_id
        )
        if self.went_back is not None:
            told = {"batch": leased(run.batch), "commits": commits, "since": self.went_back.since}
            into.execute(_LOST, told)
        return commits

    def _compared(
        self, into: Statements, batch: str, *, token: int, is_same: bool, but: str = ""
    ) -> tuple[int, WentBack | None]:
        """How many commits the batch had, and what it lacks of them; `but` is the run begun now."""
        ((ledger,),) = into.fetch("SELECT id FROM ledger")
        values = {"batch": leased(batch), "run_id": but}
        self._mark = Mark(self._state, ledger=ledger, batch=leased(batch))
        known = self._mark.known()
        ((commits, told),) = into.fetch(_STANDS, values) or [(0, None)]
        many, since = lost(known, token=token, commits=commits, is_same=is_same), restored(told)
        if many != 0:
            since = since or self._last_known(into, values, known)
        back = None if since is None else WentBack(many or None, since)
        return max(commits, known.commits if known else 0), back

    def _last_known(self, into: Statements, values: Values, known: Known | None) -> datetime | None:
        """What is missing came later: as the clock of the server told, where that is known."""
        ((seen, began),) = into.fetch(_LAST, values)
        told: datetime | None = restored(seen) or (known and known.since)
        if told is not None:
            return told - _CLOCK
        own: datetime | None = restored(began)
        return own and own - _OWN_CLOCK

    def _remember(self, intents: Iterable[datetime] = ()) -> None:
        if self._mark is not None and self._lease is not None:
            self._mark.keep(self._lease.token, self._lease.commits, intents)

    def _forget(self) -> None:
        if self._mark is not None:
            self._mark.close()
        self._mark = self.went_back = None

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

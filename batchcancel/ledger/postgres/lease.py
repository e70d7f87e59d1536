"""Whose turn it is to write on a batch: a lease on the database's clock, renewed while a run lives.

A lease that ran out may be taken by another run; until somebody does, its holder may go on. Every
write carries the token and the number of the lease's commit. So a write of a run that lost its
lease meets no row and is undone whole; and a COMMIT whose answer was lost is known by its number.
"""

from typing import TypeVar
from uuid import UUID

from batchcancel.clock import Stopwatch, boot_clock
from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import Run
from batchcancel.ledger.lease import SomeLease, held, signature
from batchcancel.ledger.postgres.connection import PatientConnection, PostgresStatements, Work
from batchcancel.ledger.statements import Statements

Result = TypeVar("Result")

CLOCKS_DIFFER_S = 30.0
"""What two hosts write into one ledger must agree within a minute; see `proof.SLACK`."""

_KNOW = """
    INSERT INTO leases (batch, token, session, holder, expires_at, commits)
    VALUES (:batch, 0, :session, '', clock_timestamp(), 0) ON CONFLICT (batch) DO NOTHING
"""
_LOOK = """
    SELECT token, session, holder,
           extract(epoch FROM expires_at - clock_timestamp())::float8
    FROM leases WHERE batch = :batch FOR UPDATE
"""
_TAKE = """
    UPDATE leases
    SET token = nextval('tokens'), session = :session, holder = :holder,
        expires_at = clock_timestamp() + make_interval(secs => :ttl), commits = 0
    WHERE batch = :batch RETURNING token
"""
_RENEW = """
    UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => :ttl)
    WHERE batch = :batch AND token = :token
    RETURNING extract(epoch FROM clock_timestamp())::float8
"""
_FENCE = """
    UPDATE leases
    SET expires_at = clock_timestamp() + make_interval(secs => :ttl), commits = :number
    WHERE batch = :batch AND token = :token AND commits = :number - 1
"""
_HAPPENED = "SELECT FROM leases WHERE batch = :batch AND token = :token AND commits = :number"
_RELEASE = """
    UPDATE leases SET expires_at = clock_timestamp()
    WHERE batch = :batch AND token = :token
"""


def take(statements: Statements, run: Run, *, session: UUID, ttl: float) -> tuple[int, bool]:
    """Take the batch for a run in this transaction; `BatchHeld` while another one has it.

    Gives the token, and whether this is the first time: the same session may ask once more when
    it does not know what became of its COMMIT.
    """
    known = {"batch": run.batch, "session": session}
    statements.execute(_KNOW, known)
    ((token, of_session, holder, left),) = statements.fetch(_LOOK, known)
    if token and of_session == session:
        return int(token), False
    if left > 0:
        raise held(run.batch, holder=holder, left=left)
    ((token,),) = statements.fetch(_TAKE, {**known, "holder": signature(run), "ttl": ttl})
    return int(token), True


class Lease(SomeLease):
    """Its writes are numbered, and it knows when it was renewed, and by which clock."""

    def __init__(self, *, batch: str, token: int, ttl: float, taken: Stopwatch) -> None:
        super().__init__(batch=batch, token=token, ttl=ttl)
        self._values = {"batch": batch, "token": token, "ttl": ttl}
        self._renewed = taken
        self._commits = 0
        self._is_lost = False
        self._boot = boot_clock()
        self._its_start = self._set_by = 0.0

    def write(self, db: PatientConnection, work: Work[Result], *, is_long: bool = False) -> Result:
        """Do `work` in one transaction, exactly once whatever becomes of the connection.

        Long work takes in rows that are handed in once, so it cannot be done a second time: a
        connection lost on the way is the end of it.
        """
        number, tries, results = self._commits + 1, 0, list[Result]()
        renewed = Stopwatch()

        def attempt(into: PostgresStatements) -> Result:
            nonlocal renewed, tries
            begun = Stopwatch()
            if not self._meets(into, _FENCE, number=number):
                if results and self._meets(into, _HAPPENED, number=number):
                    return results[-1]
                raise self.taken_over()
            tries += 1
            if is_long and tries > 1:
                raise LedgerWriteFailed(
                    "the connection to the ledger was lost in the middle of a long write; "
                    "nothing of it was kept",
                    hint="Run the same command again.",
                )
            results.append(work(into))
            if is_long:  # the lease was locked meanwhile, and begins anew
                begun = Stopwatch()
                self._meets(into, _RENEW)
            renewed = begun
            return results[-1]

        result = db.repeat(attempt, is_long=is_long)
        self._commits, self._renewed = number, renewed
        return result

    def renew(self, db: PatientConnection) -> None:
        """Keep the batch while nothing is written, and see whether somebody set its clock."""
        begun, boot = Stopwatch(), self._boot.seconds()
        found = db.once(lambda into: into.fetch(_RENEW, self._values))
        self._is_lost = not found
        for (its,) in found:
            self._renewed = begun
            self._its_start = self._its_start or its - boot
            self._set_by = its - boot - self._its_start

    def release(self, into: Statements, /) -> None:
        if not self._meets(into, _RELEASE):
            raise self.taken_over()

    def require(self) -> None:
        """Raise `LedgerWriteFailed` where another run may have the batch by now."""
        if self._is_lost:
            raise self.taken_over()
        if abs(self._set_by) > CLOCKS_DIFFER_S:
            raise LedgerWriteFailed(
                f"the clock of the ledger's database was set by {self._set_by:+.0f} s meanwhile, "
                "so the rate limit cannot be kept by it",
                hint="When its clock is right, run the same command again.",
            )
        if (seconds := self._renewed.seconds()) >= self._ttl:
            raise LedgerWriteFailed(
                f"the ledger was not heard of for {seconds:.0f} s, so another run may have taken "
                f"batch {self._batch}",
                hint="Run the same command again.",
            )

    def _meets(self, into: Statements, sql: str, **values: object) -> bool:
        return into.execute(sql, self._values | values) == 1

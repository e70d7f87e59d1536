"""Whose turn it is to write on a batch: a lease on the database's clock, renewed while a run lives.

A lease that ran out may be taken by another run; until somebody does, its holder may go on. Every
write carries the token and the number of the batch's commit. So a write of a run that lost its
lease meets no row and is undone whole; a COMMIT whose answer was lost is known by its number; and
where the number is lower than we know, the database went back (failover, restore).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg

from batchcancel.clock import Stopwatch, boot_clock
from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import Run
from batchcancel.ledger.lease import SomeLease, held, leased, signature
from batchcancel.ledger.postgres.connection import PatientConnection, PostgresStatements, Work
from batchcancel.ledger.postgres.trouble import is_passing
from batchcancel.ledger.statements import Statements

Result = TypeVar("Result")

CLOCKS_DIFFER_S = 30.0
"""What two hosts write into one ledger must agree within a minute; see `proof.SLACK`."""

_KNOW = """
    INSERT INTO leases (batch, token, session, holder, expires_at, commits)
    VALUES (:batch, 0, :session, '', clock_timestamp(), 0) ON CONFLICT (batch) DO NOTHING
"""
# A transaction's number counts on; in a row 32 bits of it are kept.
_LOOK = """
    SELECT token, session, holder,
           extract(epoch FROM expires_at - clock_timestamp())::float8,
           commits, :server IN ('', coalesce(nullif(server, ''), :server))
                    AND coalesce(mod(written_by, 4294967296) = xmin::text::bigint, true)
    FROM leases WHERE batch = :batch
"""
_SERVER = """
    SELECT (SELECT system_identifier FROM pg_control_system())
           || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8)
"""
# A server that took over without its last commits may give a token twice, never a session.
_OURS = "WHERE batch = :batch AND token = :token AND session = :session"
_TAKE = """
    UPDATE leases
    SET token = nextval('tokens'), session = :session, holder = :holder, server = :server,
        expires_at = clock_timestamp() + make_interval(secs => :ttl), written_by = txid_current()
    WHERE batch = :batch RETURNING token
"""
_RENEW = f"""
    UPDATE leases
    SET expires_at = clock_timestamp() + make_interval(secs => :ttl), written_by = txid_current()
    {_OURS} AND commits >= :number
    RETURNING extract(epoch FROM clock_timestamp())::float8
"""
_FENCE = f"""
    UPDATE leases
    SET expires_at = clock_timestamp() + make_interval(secs => :ttl), commits = :number,
        written_by = txid_current()
    {_OURS} AND commits = :number - 1
"""
_FOUND = "SELECT token, session, commits FROM leases WHERE batch = :batch"
_HAPPENED = f"SELECT FROM leases {_OURS} AND commits = :number"
# No UPDATE: that would look as if the batch had been restored from a dump.
LOCK_LOADED = """
    SELECT FROM leases WHERE batch IN (SELECT name FROM temp.loaded) ORDER BY batch FOR UPDATE
"""
HELD_NOW = "SELECT batch FROM leases WHERE expires_at > clock_timestamp()"
_RELEASE = f"""
    UPDATE leases SET expires_at = clock_timestamp(), written_by = txid_current() {_OURS}
"""


class Taken(NamedTuple):
    """A batch that was taken: the token, and how it stood before.

    It is not new where the same session asks once more, not knowing what became of its COMMIT.
    """

    token: int
    is_new: bool
    before: int
    commits: int
    is_same: bool


def take(statements: Statements, run: Run, *, session: UUID, server: str, ttl: float) -> Taken:
    """Take the batch for a run in this transaction; `BatchHeld` while another one has it."""
    known = {"batch": leased(run.batch), "session": session, "server": server}
    statements.execute(_KNOW, known)
    ((before, of_session, holder, left, *stood),) = statements.fetch(f"{_LOOK} FOR UPDATE", known)
    if before and of_session == session:
        return Taken(before, False, before, *stood)
    if left > 0:
        raise held(run.batch, holder=holder, left=left)
    ((token,),) = statements.fetch(_TAKE, {**known, "holder": signature(run), "ttl": ttl})
    return Taken(token, True, before, *stood)


def stood(statements: Statements, batch: str, *, server: str) -> tuple[int, bool]:
    """The token of its lease, and whether it stands on the server, and as, it was written last."""
    found = statements.fetch(_LOOK, {"batch": batch, "server": server})
    return next(((token, is_same) for token, *_, is_same in found), (0, True))


def server_of(db: PatientConnection) -> str:
    """Which server this is, on which timeline; empty where it does not say."""
    try:
        ((server,),) = db.repeat(lambda into: into.fetch(_SERVER))
    except psycopg.Error as error:
        if is_passing(error):
            raise
        return ""
    return str(server)


class Lease(SomeLease):
    """Its writes are numbered, and it knows when it was renewed, and by which clock."""

    def __init__(
        self, *, batch: str, token: int, ttl: float, taken: Stopwatch, session: UUID,
        commits: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(batch=batch, token=token, ttl=ttl, commits=commits)
        self._values = {"batch": leased(batch), "token": token, "ttl": ttl, "session": session}
        self._session = session
        self._renewed = taken
        self._lost: LedgerWriteFailed | None = None
        self._boot = boot_clock()
        self._its_start = self._set_by = 0.0

    def write(self, db: PatientConnection, work: Work[Result], *, is_long: bool = False) -> Result:
        """Do `work` in one transaction, exactly once whatever becomes of the connection.

        Long work takes in rows that are handed in once, so it cannot be done a second time: a
        connection lost on the way is the end of it.
        """
        number, tries, results = self.commits + 1, 0, list[Result]()
        renewed = Stopwatch()

        def attempt(into: PostgresStatements) -> Result:
            nonlocal renewed, tries
            begun = Stopwatch()
            if not self._meets(into, _FENCE, number=number):
                if results and self._meets(into, _HAPPENED, number=number):
                    return results[-1]
                raise self._fenced_off(into, number - 1)
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
                self._meets(into, _RENEW, number=number)
            renewed = begun
            return results[-1]

        result = db.repeat(attempt, is_long=is_long)
        self.commits, self._renewed = number, renewed
        return result

    def renew(self, db: PatientConnection) -> None:
        """Keep the batch while nothing is written, and see whether somebody set its clock."""
        begun, boot, number = Stopwatch(), self._boot.seconds(), self.commits

        def renew(into: PostgresStatements) -> Sequence[Any]:
            found = into.fetch(_RENEW, self._values | {"number": number})
            self._lost = None if found else self._fenced_off(into, number)
            return found

        for (its,) in db.once(renew):
            self._renewed = begun
            self._its_start = self._its_start or its - boot
            self._set_by = its - boot - self._its_start

    def release(self, into: Statements, /) -> None:
        if not self._meets(into, _RELEASE):
            raise self.taken_over()

    def require(self) -> None:
        """Raise `LedgerWriteFailed` where another run may have the batch by now."""
        if self._lost is not None:
            raise self._lost
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

    def _fenced_off(self, into: Statements, number: int) -> LedgerWriteFailed:
        """Why a write met no lease of ours with that many commits."""
        for token, session, commits in into.fetch(_FOUND, self._values):
            if (token, session) != (self.token, self._session) and token >= self.token:
                return self.taken_over()
            number -= commits
        return self.went_back(number) if number > 0 else self.taken_over()

    def _meets(self, into: Statements, sql: str, **values: object) -> bool:
        return into.execute(sql, self._values | values) == 1

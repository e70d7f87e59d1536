"""The lease on a SQLite ledger: it fences off a run whose lock file was removed.

It is kept inside the database, on the clock that goes on in sleep, and counts from the boot: after
another boot nobody holds anything. Its token also stands in the lock file: who gets the lock on a
file with that token knows that its holder is dead, and need not wait until the lease runs out.
"""

import time

from batchcancel.clock import boot_clock
from batchcancel.ledger.contract import Run
from batchcancel.ledger.lease import BEATS, HOLDS, SomeLease, held, leased, signature
from batchcancel.ledger.statements import Statements, Values

_CLOCK = boot_clock()
_MICROS = 1_000_000

_ALIVE = """
    SELECT batch, holder, expires_at - :now FROM leases
    WHERE boot = :boot AND expires_at > :now ORDER BY batch = :batch DESC LIMIT 1
"""
_TAKE = """
    INSERT INTO leases (batch, token, holder, boot, expires_at, commits)
    SELECT :batch, coalesce(max(token), 0) + 1, :holder, :boot, :expires_at, 0
    FROM leases WHERE true
    ON CONFLICT (batch) DO UPDATE
    SET token = excluded.token, holder = excluded.holder, boot = excluded.boot,
        expires_at = excluded.expires_at
"""
_GIVEN = "SELECT token FROM leases WHERE batch = :batch"
_RENEW = """
    UPDATE leases SET boot = :boot, expires_at = :expires_at, commits = :commits
    WHERE batch = :batch AND token = :token
"""
HELD_NOW = f"{HOLDS} AND boot = :boot AND expires_at > :now"
_END = "UPDATE leases SET expires_at = 0 WHERE token = :token"


class Lease(SomeLease):
    """The database lets one write at a time: nobody takes it before a transaction ends."""

    def __init__(self, *, batch: str, token: int, ttl: float) -> None:
        super().__init__(batch=batch, token=token, ttl=ttl)
        self._renewed_at = _seconds()

    def renew(self, into: Statements) -> None:
        """Let it last from now on; `LedgerWriteFailed` where another run has taken it."""
        renewed_at = _seconds()
        values = {**until(self._ttl), "batch": leased(self._batch), "token": self.token}
        values["commits"] = self.commits + 1
        if into.execute(_RENEW, values) != 1:
            raise self.taken_over()
        self._renewed_at = renewed_at

    def is_due(self) -> bool:
        """It was not renewed for longer than between two heartbeats."""
        return _seconds() - self._renewed_at > self._ttl / BEATS

    def release(self, into: Statements, /) -> None:
        end(into, self.token)


def take(into: Statements, run: Run, *, ttl: float) -> Lease:
    """Take the ledger for a run in this transaction; `BatchHeld` while another one has it."""
    values = {**until(ttl), "batch": leased(run.batch), "holder": signature(run)}
    require_free(into, batch=leased(run.batch))
    into.execute(_TAKE, values)
    ((token,),) = into.fetch(_GIVEN, values)
    return Lease(batch=run.batch, token=token, ttl=ttl)


def require_free(into: Statements, *, batch: str = "") -> None:
    """`BatchHeld` while a run has any batch of the ledger; where several do, this one is named."""
    for other, holder, left in into.fetch(_ALIVE, {**until(0), "batch": batch}):
        raise held(other, holder=holder, left=left / _MICROS)


def end(into: Statements, token: int) -> None:
    """End the lease with that token, if it is still there: its holder is done, or dead."""
    into.execute(_END, {"token": token})


def until(ttl: float) -> Values:
    """The boot, and the moments on its clock at which a lease begins and ends."""
    now = int(_seconds() * _MICROS)
    return {"boot": _CLOCK.boot, "now": now, "expires_at": now + int(ttl * _MICROS)}


def _seconds() -> float:
    """Since the boot, sleep included; where boots have no names, the wall clock."""
    return _CLOCK.seconds() if _CLOCK.boot else time.time()

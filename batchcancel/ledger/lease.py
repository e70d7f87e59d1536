"""A lease on a batch, whichever database keeps it: its terms, its heartbeat, and its refusals.

A lease says until when a batch is one run's; its fencing token grows with every holder, and every
write of a run carries it. A lease that ran out may be taken by another run. Until somebody does,
its holder may go on; afterwards none of its writes is kept.
"""

import os
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

from batchcancel.errors import BatchHeld, LedgerWriteFailed
from batchcancel.ledger.contract import Run
from batchcancel.ledger.statements import Statements

TTL_S = 30.0
"""How long a batch stays with a run that is not heard of any more."""

RESTORE = ".restore"
"""What the name of a batch's restore ends with."""

HOLDS = """
    SELECT 1 FROM leases
    JOIN runs ON substr(holder, 1, length(run_id) + 8) = 'run ' || run_id || ' on '
    WHERE leases.batch = :leased AND runs.batch = :batch
"""
"""Whether it was a run of the batch itself, not one of its restore, that took the lease last."""

BEATS = 3
"""How often a lease is renewed while it lasts, so that one lost beat ends nothing."""

_LAST_RENEWAL_S = 10.0


class SomeLease(ABC):
    """The right of one run to write on its batch, while nobody else has taken it.

    `commits` counts what was written on the batch, by all runs.
    """

    def __init__(self, *, batch: str, token: int, ttl: float, commits: int = 0) -> None:
        self.token = token
        self.commits = commits
        self._batch = batch
        self._ttl = ttl

    @abstractmethod
    def release(self, into: Statements, /) -> None:
        """Let the next run have the batch at once."""

    def went_back(self, commits: int) -> LedgerWriteFailed:
        """The database lacks what it had said was written under this lease."""
        return LedgerWriteFailed(
            f"the ledger lost its last {commits} commits (failover, restore)",
            hint="Run the same command again: it reads back what may have been sent meanwhile.",
        )

    def taken_over(self) -> LedgerWriteFailed:
        """Another run has taken the lease, and a write was fenced off."""
        return LedgerWriteFailed(
            f"another run has taken over batch {self._batch}, because this one was not heard of "
            f"for {self._ttl:.0f} s",
            hint="The other run goes on with it; batchcancel status shows how far it is.",
        )


class Heartbeat:
    """Renews a lease every so many seconds, and after one that failed a little sooner.

    In a thread of its own: a person at the prompt, or a manifest of a million rows, holds up the
    event loop, and the lease must not run out meanwhile.
    """

    def __init__(self, renew: Callable[[], None], *, every: float) -> None:
        self._renew = renew
        self._every = every
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when no renewal is under way any more, or when it takes too long to wait for."""
        self._is_over.set()
        self._thread.join(_LAST_RENEWAL_S)

    def _beat(self) -> None:
        pause = self._every
        while not self._is_over.wait(pause):
            pause = self._every / 10
            with suppress(LedgerWriteFailed):
                self._renew()
                pause = self._every


def leased(batch: str) -> str:
    """Under which name a batch is held: its restore writes on its rows too, so they share one."""
    return batch.removesuffix(RESTORE)


def held(batch: str, *, holder: str, left: float) -> BatchHeld:
    """Another run's lease has `left` seconds to go."""
    return BatchHeld(
        f"another run has batch {batch}: {holder}",
        hint="Wait until it has finished, or stop it. If its machine is gone, the batch is "
        f"free {left:.0f} s from now.",
    )


def signature(run: Run) -> str:
    """Who holds a lease, for the next one to come."""
    since = run.started_at.isoformat(timespec="seconds")
    return f"run {run.run_id} on {socket.gethostname()}, pid {os.getpid()}, since {since}"

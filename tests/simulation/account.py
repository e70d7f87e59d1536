"""What stands in the ledger's file, read by SQL of our own."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

FINAL = frozenset({"cancelled", "already_cancelled", "not_found", "needs_review", "refused"})


class Standing(NamedTuple):
    """Where a row stands."""

    state: str
    outcome: str | None
    reason: str | None
    attempts: int = 0

    @property
    def is_final(self) -> bool:
        """Nothing may be sent for it any more, whoever runs the batch again.

        What was only seen to be cancelled by others is decided anew by each run.
        """
        is_only_seen = self.outcome == "already_cancelled" and self.attempts == 0
        return self.state == "settled" and self.outcome in FINAL and not is_only_seen

    @property
    def is_held(self) -> bool:
        """It has an answer that would end it, and waits until that is believed."""
        return self.state != "settled" and self.outcome in FINAL

    def __str__(self) -> str:
        return " ".join(part for part in self[:3] if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The committed rows, how many intents each has, the rejected rows, and how runs ended."""

    rows: Mapping[str, Standing] = field(default_factory=dict)
    intents: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    rejected: int = 0
    is_enrolled: bool = False
    exit_codes: Mapping[str, int | None] = field(default_factory=dict)

    def ids(self, state: str) -> list[str]:
        return sorted(one for one, standing in self.rows.items() if standing.state == state)

    def having(self, *outcomes: str) -> list[str]:
        """What has so ended; an answer noted of a row that waits is no end."""
        return sorted(
            one
            for one, standing in self.rows.items()
            if standing.outcome in outcomes and not standing.is_held
        )

    def skipped_for(self, *reasons: str) -> list[str]:
        return sorted(one for one, standing in self.rows.items() if standing.reason in reasons)


_ROWS = "SELECT appointment_id, state, outcome, reason, attempts FROM rows ORDER BY appointment_id"
_INTENTS = """
    SELECT appointment_id, count(*) FROM requests WHERE kind = 'cancel' GROUP BY appointment_id
"""
_SIZES = """
    SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM rejected_rows),
           (SELECT count(*) FROM batches)
"""


def read_account(db: sqlite3.Connection) -> Account:
    """Read all of it; nothing is under way in `db`."""
    requests, rejected, batches = db.execute(_SIZES).fetchone()
    return Account(
        rows={one: Standing(*standing) for one, *standing in db.execute(_ROWS)},
        intents=dict(db.execute(_INTENTS)),
        requests=requests,
        rejected=rejected,
        is_enrolled=batches > 0,
        exit_codes=dict(db.execute("SELECT run_id, exit_code FROM runs")),
    )

"""What stands in the ledger's file, read by SQL of our own."""

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SEEN = ("completed", "moved", "unknown_status")
"""Reasons to leave a row alone for what was seen of it."""

FOR_A_PERSON = ("moved", "unknown_status", "unknown_start", "changed_since")
FINAL = frozenset({"cancelled", "already_cancelled", "not_found", "needs_review", "refused"})


class Standing(NamedTuple):
    """Where a row stands."""

    state: str
    outcome: str | None
    reason: str | None

    @property
    def is_settled(self) -> bool:
        """It has an outcome that is final by its name."""
        return self.state == "settled" and self.outcome in FINAL

    @property
    def is_left_alone(self) -> bool:
        """Some run did not send it for what it saw of it."""
        return self.outcome == "skipped" and self.reason in SEEN

    @property
    def is_for_a_person(self) -> bool:
        """It is done, as far as a program can, and somebody must look."""
        return self.outcome == "skipped" and self.reason in FOR_A_PERSON

    @property
    def is_held(self) -> bool:
        """It has an answer that would end it, and waits until that is believed."""
        return self.state != "settled" and self.outcome in FINAL

    def __str__(self) -> str:
        return " ".join(part for part in self if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The committed rows, how many intents each has, the rejected rows, and how runs ended.

    An intent that was withdrawn is none. `undone` are the rows of the restore's own batch, and
    `undoing` their intents.
    """

    rows: Mapping[str, Standing] = field(default_factory=dict)
    undone: Mapping[str, Standing] = field(default_factory=dict)
    undoing: Mapping[str, int] = field(default_factory=dict)
    intents: Mapping[str, int] = field(default_factory=dict)
    requests: int = 0
    withdrawn: int = 0
    rejected: int = 0
    is_enrolled: bool = False
    exit_codes: Mapping[str, int | None] = field(default_factory=dict)

    def is_final(self, appointment_id: str) -> bool:
        """Nothing may be sent for it any more, whoever runs the batch again, nor its end change.

        What was only seen to be cancelled is decided anew when it is seen alive.
        """
        standing = self.rows[appointment_id]
        is_only_seen = standing.outcome == "already_cancelled" and not self.intents.get(
            appointment_id
        )
        return standing.is_settled and not is_only_seen

    def ids(self, state: str, rows: Mapping[str, Standing] | None = None) -> list[str]:
        rows = self.rows if rows is None else rows
        return sorted(one for one, standing in rows.items() if standing.state == state)

    def having(self, *outcomes: str) -> list[str]:
        """What has so ended; an answer noted of a row that waits is no end."""
        return sorted(
            one
            for one, standing in self.rows.items()
            if standing.outcome in outcomes and not standing.is_held
        )


class Commit(NamedTuple):
    """What a process has changed by a commit."""

    process: Any
    before: Account
    after: Account

    def newly_settled(self) -> Iterator[tuple[str, Standing]]:
        for one, standing in self.after.rows.items():
            if standing.state == "settled" and self.before.rows.get(one) != standing:
                yield one, standing

    def newly_undone(self) -> dict[str, Standing]:
        return dict(self.after.undone.items() - self.before.undone.items())


_ROWS = """
    SELECT appointment_id, state, outcome, reason FROM rows JOIN batches USING (batch_id)
    WHERE kind = ? ORDER BY appointment_id
"""
_INTENTS = """
    SELECT appointment_id, count(*) FROM requests
    WHERE kind = ? AND result IS NOT 'withdrawn' GROUP BY appointment_id
"""
_SIZES = """
    SELECT (SELECT count(*) FROM requests),
           (SELECT count(*) FROM requests WHERE result = 'withdrawn'),
           (SELECT count(*) FROM rejected_rows),
           (SELECT count(*) FROM batches)
"""


def read_account(db: sqlite3.Connection) -> Account:
    """Read all of it; nothing is under way in `db`."""
    requests, withdrawn, rejected, batches = db.execute(_SIZES).fetchone()
    return Account(
        rows=_rows(db, "cancel"),
        undone=_rows(db, "restore"),
        undoing=dict(db.execute(_INTENTS, ("restore",))),
        intents=dict(db.execute(_INTENTS, ("cancel",))),
        requests=requests,
        withdrawn=withdrawn,
        rejected=rejected,
        is_enrolled=batches > 0,
        exit_codes=dict(db.execute("SELECT run_id, exit_code FROM runs")),
    )


def _rows(db: sqlite3.Connection, kind: str) -> Mapping[str, Standing]:
    return {one: Standing(*standing) for one, *standing in db.execute(_ROWS, (kind,))}

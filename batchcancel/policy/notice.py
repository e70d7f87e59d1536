"""The notice window as a pure rule: deadline = start - notice, and past it nothing is cancelled.

Planning applies the rule to a whole frame, sending to one row; both call `is_past`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from batchcancel.appointments import Cancel, Decision, Skip, SkipReason, require_aware


def is_past(deadline: Any, *, now: datetime) -> Any:
    """Whether `now` is later than the deadline; exactly enough notice is enough.

    `deadline` is a datetime or a polars expression of datetimes; so the result is a bool or one
    of booleans.
    """
    return deadline < now


def deadline(starts_at: Any, *, notice: timedelta) -> Any:
    """The last moment at which cancelling is allowed, for a datetime or a polars expression."""
    return starts_at - notice


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePolicy:
    """Allows cancelling up to `notice` before the start; zero allows it until the start."""

    notice: timedelta

    @property
    def needs_start(self) -> bool:
        """Whether an appointment with an unknown start has to be looked up."""
        return self.notice > timedelta(0)

    def decide(self, starts_at: datetime | None, *, now: datetime) -> Decision:
        """The decision on one appointment at one moment; both times aware."""
        require_aware(starts_at, now)
        if starts_at is None:
            return Skip(SkipReason.UNKNOWN_START) if self.needs_start else Cancel()
        # Two moments of one zone subtract in its wall time: 24 h where 23 h pass.
        starts_at, now = starts_at.astimezone(UTC), now.astimezone(UTC)
        if is_past(starts_at, now=now):
            return Skip(SkipReason.ALREADY_STARTED)
        if is_past(deadline(starts_at, notice=self.notice), now=now):
            return Skip(SkipReason.NOTICE_WINDOW)
        return Cancel()

    def deadlines(self) -> pl.Expr:
        """The deadline of each row of a frame with `starts_at`; null where that is unknown."""
        expression: pl.Expr = deadline(pl.col("starts_at"), notice=self.notice)
        return expression

    def skip_reasons(self, *, now: datetime) -> pl.Expr:
        """Why each row is skipped, null where it may be cancelled.

        An unknown start gives null here too: it is looked up when its turn comes.
        """
        require_aware(now)
        now = now.astimezone(UTC)
        return (
            pl.when(is_past(pl.col("starts_at"), now=now))
            .then(pl.lit(SkipReason.ALREADY_STARTED.value))
            .when(is_past(self.deadlines(), now=now))
            .then(pl.lit(SkipReason.NOTICE_WINDOW.value))
        )

"""The notice window as a pure rule: past its deadline nothing is cancelled.

A start that is known by its session or its day alone is read cautiously both ways: the notice
counts back from its earliest moment, and only its latest one proves that it has begun. Planning
applies the rule to a whole frame, sending to one row; both ask for the same deadline.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from batchcancel.appointments import Cancel, Decision, Skip, SkipReason, Start, require_aware


def deadline(earliest: Any, latest: Any, *, notice: timedelta) -> Any:
    """The last moment at which cancelling is allowed, for datetimes or polars expressions.

    It is still allowed then: exactly enough notice is enough.
    """
    return earliest - notice if notice else latest


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePolicy:
    """Allows cancelling up to `notice` before the start; zero allows it until the start."""

    notice: timedelta

    @property
    def needs_start(self) -> bool:
        """Whether an appointment with an unknown start has to be looked up."""
        return self.notice > timedelta(0)

    def decide(self, start: Start | None, *, now: datetime) -> Decision:
        """The decision on one appointment at one moment, which is aware."""
        require_aware(now)
        if start is None:
            return Skip(SkipReason.UNKNOWN_START) if self.needs_start else Cancel()
        # Two moments of one zone subtract in its wall time: 24 h where 23 h pass.
        earliest, latest = start.earliest.astimezone(UTC), start.latest.astimezone(UTC)
        now = now.astimezone(UTC)
        if latest < now:
            return Skip(SkipReason.ALREADY_STARTED)
        if deadline(earliest, latest, notice=self.notice) < now:
            return Skip(SkipReason.NOTICE_WINDOW)
        return Cancel()

    def deadlines(self) -> pl.Expr:
        """The deadline of each row of a frame with `starts_at` and `latest_start`.

        Null where that is unknown.
        """
        earliest, latest = pl.col("starts_at"), pl.col("latest_start")
        expression: pl.Expr = deadline(earliest, latest, notice=self.notice)
        return expression

    def skip_reasons(self, *, now: datetime) -> pl.Expr:
        """Why each row is skipped, null where it may be cancelled.

        An unknown start gives null here too: it is looked up when its turn comes.
        """
        require_aware(now)
        now = now.astimezone(UTC)
        return (
            pl.when(pl.col("latest_start") < now)
            .then(pl.lit(SkipReason.ALREADY_STARTED.value))
            .when(self.deadlines() < now)
            .then(pl.lit(SkipReason.NOTICE_WINDOW.value))
        )

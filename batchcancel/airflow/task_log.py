"""Observer that writes a job's events to the log of an Airflow task."""

from typing import Any

import anyio

from batchcancel.appointments import Fact
from batchcancel.events import (
    Caution,
    Event,
    FetchBegan,
    FetchEnded,
    PlanMade,
    RateWindowFull,
    RowEnded,
    RunStarted,
    WindowNotShared,
)
from batchcancel.report.tables import duration, grouped

_EVERY = 30.0
_NAMED_ROWS = 100


class TaskLog:
    """Logs the plan, the progress every half minute, and rows that need a person.

    At most a hundred of these are named; the ledger has them all.
    """

    def __init__(self, log: Any, *, every: float = _EVERY) -> None:
        self._log = log
        self._every = every
        self._run: RunStarted | None = None
        self._settled = 0
        self._in_trouble = 0

    def __call__(self, event: Event) -> None:
        match event:
            case FetchBegan():
                self._log.info("fetching %s", event.manifest)
            case FetchEnded():
                self._log.info("fetched %s bytes of %s", grouped(event.size), event.manifest)
            case RateWindowFull():
                what = "API (Retry-After)" if event.is_closed else "rate limit's window"
                self._log.info("waiting %s for the %s", duration(event.seconds), what)
            case WindowNotShared():
                self._log.warning(
                    "the rate limit is not shared with other tasks of this key: %s: %s "
                    "(state_dir names another folder)",
                    event.folder,
                    event.why,
                )
            case Caution():
                self._log.warning("%s", event.text)
            case PlanMade():
                self.say(event.text)
            case RunStarted():
                self._run = event
            case RowEnded():
                self._count(event)

    def _count(self, row: RowEnded) -> None:
        self._settled += 1
        if Fact.PERSON not in row.outcome.name.facts:
            return
        self._in_trouble += 1
        if self._in_trouble <= _NAMED_ROWS:
            reason = "" if row.outcome.reason is None else f" ({row.outcome.reason})"
            self._log.warning("%s: %s%s", row.appointment_id, row.outcome.name, reason)
        elif self._in_trouble == _NAMED_ROWS + 1:
            self._log.warning("more rows are in trouble; the ledger has them all")

    async def tell_progress(self) -> None:
        """Log the progress every half minute, until stopped."""
        while True:
            await anyio.sleep(self._every)
            if self._run is not None:
                self._log.info("%s", self._progress(self._run))

    def _progress(self, run: RunStarted) -> str:
        words = f"{self._settled} of {run.eligible} appointments, {self._in_trouble} in trouble"
        if run.rate.is_unlimited:
            return words
        left = run.rate.seconds_for(run.eligible - self._settled) + run.limiter.wait()
        return f"{words}, {duration(left)} left"

    def say(self, text: str) -> None:
        """Log each line of a text as one message."""
        for line in filter(None, text.splitlines()):
            self._log.info("%s", line)

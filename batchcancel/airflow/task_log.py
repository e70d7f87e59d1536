"""Who watches a job for Airflow: the task's log."""

from datetime import timedelta
from typing import Any

import anyio

from batchcancel.api import Limiter
from batchcancel.appointments import Fact, Outcome
from batchcancel.counting import number
from batchcancel.plan import Plan
from batchcancel.planning import Planned
from batchcancel.settings import Settings
from batchcancel.wording import duration, plan_text

_EVERY = 30.0
_NAMED_ROWS = 100


class TaskLog:
    """The plan, then how far the run is every half minute, and the rows that are in trouble.

    Of those a hundred are named; the ledger has them all.
    """

    def __init__(self, log: Any, settings: Settings, *, every: float = _EVERY) -> None:
        self._log = log
        self._settings = settings
        self._every = every
        self._limiter: Limiter | None = None
        self._eligible = 0
        self._settled = 0
        self._in_trouble = 0

    def fetches(self, manifest: str) -> None:
        self._log.info("fetching %s", manifest)

    def fetched(self, manifest: str, size: int) -> None:
        self._log.info("fetched %s bytes of %s", number(size), manifest)

    def clock_differs(self, difference: timedelta) -> None:
        seconds = difference.total_seconds()
        self._log.warning("the API's clock is %+.0f s from this machine's", seconds)

    def waits(self, seconds: float) -> None:
        self._log.info("waiting %s for the rate limit's window", duration(seconds))

    def planned(self, planned: Planned) -> None:
        self.say(plan_text(planned, self._settings))

    def started(self, plan: Plan, limiter: Limiter) -> None:
        self._eligible, self._limiter = plan.eligible, limiter

    def settled(self, appointment_id: str, outcome: Outcome) -> None:
        self._settled += 1
        if Fact.PERSON not in outcome.name.facts:
            return
        self._in_trouble += 1
        if self._in_trouble <= _NAMED_ROWS:
            reason = "" if outcome.reason is None else f" ({outcome.reason})"
            self._log.warning("%s: %s%s", appointment_id, outcome.name, reason)
        elif self._in_trouble == _NAMED_ROWS + 1:
            self._log.warning("more rows are in trouble; the ledger has them all")

    async def tell_progress(self) -> None:
        """A line every half minute, for as long as it is not stopped."""
        while True:
            await anyio.sleep(self._every)
            if self._limiter is not None:
                self._log.info("%s", self._progress(self._limiter.wait()))

    def _progress(self, wait: float) -> str:
        words = f"{self._settled} of {self._eligible} appointments, {self._in_trouble} in trouble"
        if str(self._settings.rate) == "none":
            return words
        left = self._settings.rate.seconds_for(self._eligible - self._settled) + wait
        return f"{words}, {duration(left)} left"

    def say(self, text: str) -> None:
        """A text of several lines, each a line of the log."""
        for line in filter(None, text.splitlines()):
            self._log.info("%s", line)

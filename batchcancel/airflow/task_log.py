"""Observer that writes a job's events to the log of an Airflow task."""

from collections.abc import Callable
from typing import Any

import anyio

from batchcancel.appointments import Fact
from batchcancel.events import Event, PlanMade, RowEnded
from batchcancel.report.progress import Progress, told

_EVERY = 30.0
_NAMED_ROWS = 100


class TaskLog:
    """Logs the plan, the progress every half minute, and rows that need a person.

    At most a hundred of these are named; the ledger has them all.
    """

    def __init__(
        self,
        log: Any,
        progress: Progress,
        *,
        every: float = _EVERY,
        words: Callable[[str], str] = str,
    ) -> None:
        self._log = log
        self._words = words
        self._progress = progress
        self._every = every
        self._in_trouble = 0

    def __call__(self, event: Event) -> None:
        self._progress(event)
        match event:
            case PlanMade():
                self.say(event.text)
            case RowEnded() if Fact.PERSON in event.outcome.name.facts:
                self._name(event)
            case _ if line := told(event):
                (self._log.warning if line.is_warning else self._log.info)(
                    "%s", self._words(line.text)
                )

    def _name(self, row: RowEnded) -> None:
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
            if self._progress.is_running:
                self._log.info("%s", ", ".join(self._progress.words()))

    def say(self, text: str) -> None:
        """Log each line of a text as one message."""
        for line in filter(None, self._words(text).splitlines()):
            self._log.info("%s", line)

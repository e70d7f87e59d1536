"""Who watches a job: a progress bar on a terminal, else one log line per settled appointment."""

import sys
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol

import anyio

from batchcancel.api import Limiter
from batchcancel.appointments import Outcome
from batchcancel.cli.terminal import say
from batchcancel.job import Observer
from batchcancel.plan import Plan
from batchcancel.planning import Planned
from batchcancel.settings import Settings
from batchcancel.wording import SHOWN_ROWS, duration, plan_text


class Watcher(Observer, Protocol):
    """An observer that the door keeps fresh and closes."""

    shows_plan: bool

    async def tick(self) -> None: ...

    def close(self) -> None: ...


def quiet_watcher() -> Watcher:
    """For a plan, which is its own result."""
    return Quiet()


def watcher_for(settings: Settings) -> Watcher:
    """A bar where a person looks on, a log where nobody does, unless told otherwise."""
    wants_bar = settings.progress
    if wants_bar is None:
        wants_bar = sys.stderr.isatty() and settings.log_format == "console"
    return ProgressBar(settings) if wants_bar else LogLines(settings)


def _fetch_note(manifest: str) -> str:
    return f"Fetching {manifest} ..."


def _wait_note(seconds: float) -> str:
    return f"Waiting {duration(seconds)}: the rate limit's window is full of earlier requests."


def _clock_warning(difference: timedelta) -> str:
    ahead = "ahead of" if difference > timedelta(0) else "behind"
    gap = duration(abs(difference).total_seconds())
    return f"the API's clock is {gap} {ahead} this machine's"


class LogLines:
    """One line per settled appointment, by structlog."""

    shows_plan = False

    def __init__(self, settings: Settings) -> None:
        from batchcancel.cli.logs import logger

        self._log = logger(settings)

    def fetches(self, manifest: str) -> None:
        return

    def fetched(self, manifest: str, size: int) -> None:
        self._log.info("fetched", manifest=manifest, bytes=size)

    def clock_differs(self, difference: timedelta) -> None:
        self._log.warning("clock_differs", seconds=difference.total_seconds())

    def waits(self, seconds: float) -> None:
        self._log.info("waits_for_the_rate_limit", seconds=round(seconds, 1))

    def planned(self, planned: Planned) -> None:
        for row in planned.manifest.rejected[:SHOWN_ROWS]:
            self._log.warning("rejected_row", line=row.line, reason=row.reason)
        plan = planned.plan
        self._log.info(
            "planned",
            rows=plan.rows,
            eligible=plan.eligible,
            settled=plan.settled,
            rejected_rows=plan.rejected_rows,
            will_miss=plan.will_miss,
            seconds=plan.seconds,
            **{f"skipped_{reason}": rows for reason, rows in plan.skipped.items()},
        )

    def started(self, plan: Plan, limiter: Limiter) -> None:
        self._log.info("started", eligible=plan.eligible)

    def settled(self, appointment_id: str, outcome: Outcome) -> None:
        reason = {} if outcome.reason is None else {"reason": outcome.reason}
        self._log.info(
            "settled", appointment_id=appointment_id, outcome=str(outcome.name), **reason
        )

    async def tick(self) -> None:
        return

    def close(self) -> None:
        return


class Quiet:
    """Says only what is not part of the result."""

    shows_plan = False

    def waits(self, seconds: float) -> None:
        say(_wait_note(seconds))

    def fetches(self, manifest: str) -> None:
        say(_fetch_note(manifest))

    def fetched(self, manifest: str, size: int) -> None:
        return

    def clock_differs(self, difference: timedelta) -> None:
        say(f"Note: {_clock_warning(difference)}.")

    def planned(self, planned: Planned) -> None:
        return

    def started(self, plan: Plan, limiter: Limiter) -> None:
        return

    def settled(self, appointment_id: str, outcome: Outcome) -> None:
        return

    async def tick(self) -> None:
        return

    def close(self) -> None:
        return


class ProgressBar:
    """Count, rate, time left and the current wait, redrawn a few times a second."""

    shows_plan = True

    def waits(self, seconds: float) -> None:
        say(_wait_note(seconds))

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._progress: Any = None
        self._limiter: Limiter | None = None
        self._left = 0
        self._done = 0
        self._began = 0.0

    def fetches(self, manifest: str) -> None:
        say(_fetch_note(manifest))

    def fetched(self, manifest: str, size: int) -> None:
        return

    def clock_differs(self, difference: timedelta) -> None:
        say(f"Note: {_clock_warning(difference)}.")

    def planned(self, planned: Planned) -> None:
        say(plan_text(planned, self._settings))

    def started(self, plan: Plan, limiter: Limiter) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._limiter, self._left, self._began = limiter, plan.eligible, anyio.current_time()
        self._progress = Progress(
            TextColumn("Cancelling"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._task = self._progress.add_task("", total=plan.eligible)
        with suppress(OSError, ValueError):
            self._progress.start()

    def settled(self, appointment_id: str, outcome: Outcome) -> None:
        self._left -= 1
        self._done += 1

    async def tick(self) -> None:
        while True:
            await anyio.sleep(0.2)
            self._draw()

    def _draw(self) -> None:
        if self._progress is None or self._limiter is None:
            return
        words = self._words(self._limiter.wait())
        with suppress(OSError, ValueError):  # nobody looks any more, and the work goes on
            self._progress.update(self._task, completed=self._done, description=words)
            self._progress.refresh()

    def _words(self, wait: float) -> str:
        # A burst at the start would promise too much: a whole window at least is looked at.
        seconds = max(anyio.current_time() - self._began, self._settings.rate.window, 1.0)
        words = [f"{60 * self._done / seconds:.0f}/min"]
        if str(self._settings.rate) != "none":
            words.append(f"{duration(self._settings.rate.seconds_for(self._left) + wait)} left")
        if wait > 1 and self._left:
            words.append(f"next in {duration(wait)}")
        return ", ".join(words)

    def close(self) -> None:
        if self._progress is None:
            return
        with suppress(OSError, ValueError):
            self._progress.update(self._task, completed=self._done, description="")
            self._progress.stop()

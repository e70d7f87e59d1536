"""How a command is watched from the command line: by a bar on a terminal, else by a log."""

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import anyio

from batchcancel.api import Meaning
from batchcancel.cli.door import enter
from batchcancel.cli.terminal import columns, draw, log, say
from batchcancel.errors import wrong
from batchcancel.events import (
    Caution,
    Event,
    PlanMade,
    RequestAnswered,
    RequestSent,
    RowEnded,
    RunStarted,
)
from batchcancel.report.progress import Progress, told
from batchcancel.report.tables import SHOWN_ROWS, duration
from batchcancel.settings.load import ApiSettings

Result = TypeVar("Result")

_TICK_S, _EVERY_S = 0.2, 30.0
_BAR, _WIDE = 20, 70
_PLANNED = ("rows", "eligible", "settled", "rejected_rows", "will_miss", "seconds")
_DOING = {"cancel": "Cancelling", "restore": "Restoring"}


def watched(settings: ApiSettings, command: Callable[..., Awaitable[Result]]) -> Result:
    """Run a command that only looks, and tell what explains a wait."""
    watching = Watching(settings)
    return enter(lambda stop: command(settings, stop=stop, observe=watching), watching.tick)


def wants_bar(settings: ApiSettings) -> bool:
    """Whether to draw a bar and not a log: on a terminal, unless an option says otherwise."""
    if settings.log_format == "json":
        return False
    if settings.progress is not None:
        return settings.progress
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Watching:
    """An observer that shows what a command does, and with `tick` beside it how long that takes.

    A log has a line for each thing, and one of the progress every half minute. Else people are
    told what explains a wait or an odd result, and on a terminal they see a bar. Without a `verb`
    the command only looks: people have no log of it, and its plan is its result.
    """

    def __init__(self, settings: ApiSettings, verb: str | None = None) -> None:
        self.has_bar = wants_bar(settings)
        self._is_log = not self.has_bar if verb else settings.log_format == "json"
        self._shows_plan = self.has_bar and verb is not None
        self.plan: PlanMade | None = None
        self._doing = [_DOING.get(verb or "", "")]
        if settings.is_rehearsal:
            self._doing = ["Rehearsal, no real appointment is touched:", "Rehearsal:"]
        self._progress = Progress(
            now=anyio.current_time, attempts=settings.max_attempts, where=settings.origin
        )
        self._waited_for: str | None = None
        self._closed_until = 0.0

    def __call__(self, event: Event) -> None:
        self._progress(event)
        match event:
            case PlanMade():
                self._show_plan(event)
            case RunStarted() if self._is_log:
                log("started", eligible=event.eligible)
            case RowEnded(appointment_id=one, outcome=outcome):
                reason = {} if outcome.reason is None else {"reason": outcome.reason}
                self._detail("settled", appointment_id=one, outcome=str(outcome.name), **reason)
            case RequestSent(ask=ask, appointment_id=one):
                log("request", level="debug", ask=str(ask), appointment_id=one)
            case RequestAnswered():
                self._show_answer(event)
            case _ if (line := told(event)) and (self._is_log or not isinstance(event, Caution)):
                level = "warning" if line.is_warning else "info"
                self._tell(line.code, line.text, level=level, **line.facts)

    def _show_plan(self, plan: PlanMade) -> None:
        self.plan, told = plan, plan.facts
        if self._shows_plan:
            say(plan.text)
        elif self._is_log:
            if (columns := told.get("columns")) and told.get("rows", 1) > told.get("settled", 0):
                log("columns", used=columns["used"], ignored=columns["ignored"][:SHOWN_ROWS])
            for row in plan.rejected[:SHOWN_ROWS]:
                log("rejected_row", level="warning", line=row.line, reason=row.reason)
            skipped = {f"skipped_{reason}": rows for reason, rows in told["skipped"].items()}
            log("planned", **{name: told.get(name, 0) for name in _PLANNED}, **skipped)

    def _show_answer(self, answer: RequestAnswered) -> None:
        facts = {"ask": str(answer.ask), "appointment_id": answer.appointment_id}
        if answer.meaning is Meaning.UNKNOWN:
            is_last = self._progress.is_last_try(answer.ask, answer.appointment_id)
            name = "no_answer" if is_last else "retry"
            self._detail(name, **facts, code=answer.code, why=wrong(answer.code))
        elif answer.meaning is Meaning.BUSY:
            self._detail("rate_limited", **facts, retry_after=answer.retry_after)

    def _tell(self, event: str, text: str, *, level: str = "info", **facts: Any) -> None:
        if self._is_log:
            log(event, level=level, **(facts or {"text": text}))
        else:
            say(text, event, level=level, **facts)

    def _detail(self, event: str, **facts: Any) -> None:
        """What a log has for each row and each request, and people only where they ask for it."""
        log(event, level="info" if self._is_log else "debug", **facts)

    async def tick(self) -> None:
        """Show progress, closed gates and waits while they last, until stopped."""
        last = anyio.current_time()
        while True:
            await anyio.sleep(_TICK_S)
            self._tell_of_gate()
            if self.has_bar:
                self._draw()
                continue
            self._tell_of_wait()
            if anyio.current_time() - last < _EVERY_S:
                continue
            last = anyio.current_time()
            if not self._progress.is_running:
                self._tell_how_far()
            else:
                self._tell("progress", ", ".join(self._progress.words()), **self._progress.counts())

    def _tell_how_far(self) -> None:
        if told := self._progress.looking():
            self._tell("looking", told)

    def _tell_of_wait(self) -> None:
        """Once for each attempt; while rows are cancelled the log has the retries."""
        waiting = None if self._progress.is_running else self._progress.waiting()
        if waiting is not None and waiting != self._waited_for:
            self._tell("waiting", waiting)
        self._waited_for = waiting

    def _tell_of_gate(self) -> None:
        """Once for each time that it was closed, by an answer or by another program."""
        closed, now = self._progress.closed(), anyio.current_time()
        if closed > 0 and self._closed_until < now:
            text = f"Waiting {duration(closed)}: the API asked for patience (Retry-After)."
            self._detail("gate_closed", seconds=round(closed, 1), text=text)
        self._closed_until = now + closed

    def _draw(self, *, stays: bool = False) -> None:
        width = columns() - 1
        if not self._progress.is_running:
            draw((self._progress.waiting() or self._progress.looking() or "")[:width])
            return
        done, eligible = self._progress.rows
        if not eligible:
            return
        first, *words = self._progress.words()
        filled = _BAR * done // max(eligible, 1)
        bar = f"[{'#' * filled}{'-' * (_BAR - filled)}] " if width >= _WIDE else ""
        heads = [f"{one} {mark}" for one in self._doing for mark in (bar, "")]
        whole = ", ".join([first, *words])
        # Trouble before ornament; and the count before all.
        head = next((one for one in heads if len(one + whole) <= width), heads[-1])
        text = head + first if len(head + first) <= width else first[:width]
        for word in words:
            if len(text) + 2 + len(word) <= width:
                text += f", {word}"
        draw(text, stays=stays)

    def close(self) -> None:
        """Leave the last state of the bar on the screen."""
        if self.has_bar and self._progress.is_running:
            self._draw(stays=True)

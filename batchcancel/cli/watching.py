"""Observers for the command line: a progress bar on a terminal, else structured logs."""

import json
import logging
import sys
from contextlib import suppress
from typing import Any

import anyio

from batchcancel.cli.terminal import say
from batchcancel.events import (
    Caution,
    Event,
    FetchBegan,
    FetchEnded,
    Observer,
    PlanMade,
    RateWindowFull,
    RowEnded,
    RunStarted,
    WindowNotShared,
)
from batchcancel.report.tables import SHOWN_ROWS, duration
from batchcancel.settings.load import ApiSettings, Secret


def wants_bar(settings: ApiSettings) -> bool:
    """Whether to draw a bar and not a log: on a terminal, unless an option says otherwise."""
    if settings.progress is not None:
        return settings.progress
    return sys.stderr.isatty() and settings.log_format == "console"


def announce(event: Event) -> None:
    """Print what explains a wait or an odd result; the observer of a plan."""
    match event:
        case FetchBegan():
            say(f"Fetching {event.manifest} ...")
        case RateWindowFull():
            say(f"Waiting {duration(event.seconds)}: {_why_full(event)}.")
        case WindowNotShared():
            say(
                f"Warning: {event.folder} cannot be used ({event.why}): run nothing else with this "
                "key meanwhile, or name another folder with --state-dir."
            )


def _why_full(event: RateWindowFull) -> str:
    if event.is_closed:
        return "the API asked for patience (Retry-After), here or elsewhere"
    return "the rate limit's window is full of earlier requests"


def log_lines(settings: ApiSettings) -> Observer:
    """An observer that logs one line per event, by structlog."""
    log = logger(settings)

    def observe(event: Event) -> None:
        match event:
            case FetchEnded():
                log.info("fetched", manifest=event.manifest, bytes=event.size)
            case RateWindowFull():
                name = "waits_for_the_api" if event.is_closed else "waits_for_the_rate_limit"
                log.info(name, seconds=round(event.seconds, 1))
            case WindowNotShared():
                log.warning("rate_limit_not_shared", folder=event.folder, why=event.why)
            case Caution():
                log.warning(event.code, text=event.text)
            case PlanMade():
                _log_plan(log, event)
            case RunStarted():
                log.info("started", eligible=event.eligible)
            case RowEnded():
                reason = {} if event.outcome.reason is None else {"reason": event.outcome.reason}
                name = str(event.outcome.name)
                log.info("settled", appointment_id=event.appointment_id, outcome=name, **reason)

    return observe


def _log_plan(log: Any, plan: PlanMade) -> None:
    log.info("columns", used=dict(plan.used), ignored=list(plan.ignored[:SHOWN_ROWS]))
    for row in plan.rejected[:SHOWN_ROWS]:
        log.warning("rejected_row", line=row.line, reason=row.reason)
    log.info(
        "planned",
        rows=plan.rows,
        eligible=plan.eligible,
        settled=plan.settled,
        rejected_rows=len(plan.rejected),
        will_miss=plan.will_miss,
        seconds=plan.seconds,
        **{f"skipped_{reason}": rows for reason, rows in plan.skipped.items()},
    )


class ProgressBar:
    """An observer that draws count, rate, time left and the current wait, five times a second."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._run: RunStarted | None = None
        self._done = 0
        self._began = 0.0

    def __call__(self, event: Event) -> None:
        match event:
            case PlanMade():
                say(event.text)
            case RunStarted():
                self._start(event)
            case RowEnded():
                self._done += 1
            case _:
                announce(event)

    def _start(self, run: RunStarted) -> None:
        # Late: only a terminal needs it, and it takes 0.1 s to import.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._run, self._began = run, anyio.current_time()
        self._progress = Progress(
            TextColumn("Cancelling"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._task = self._progress.add_task("", total=run.eligible)
        with suppress(OSError, ValueError):
            self._progress.start()

    async def tick(self) -> None:
        while True:
            await anyio.sleep(0.2)
            if self._run is not None:
                self._draw(self._run)

    def _draw(self, run: RunStarted) -> None:
        words = self._words(run, run.limiter.wait())
        with suppress(OSError, ValueError):  # the terminal is gone, and the work goes on
            self._progress.update(self._task, completed=self._done, description=words)
            self._progress.refresh()

    def _words(self, run: RunStarted, wait: float) -> str:
        # Over a whole window at least: the burst at the start would promise too high a rate.
        seconds = max(anyio.current_time() - self._began, run.rate.window, 1.0)
        left = run.eligible - self._done
        words = [f"{60 * self._done / seconds:.0f}/min"]
        if not run.rate.is_unlimited:
            words.append(f"{duration(run.rate.seconds_for(left) + wait)} left")
        if wait > 1 and left:
            words.append(f"next in {duration(wait)}")
        return ", ".join(words)

    def close(self) -> None:
        if self._progress is None:
            return
        with suppress(OSError, ValueError):
            self._progress.update(self._task, completed=self._done, description="")
            self._progress.stop()


def logger(settings: ApiSettings) -> Any:
    """A logger in the format asked for, whose lines never hold the key."""
    import structlog

    # At INFO these write whole URLs.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Whoever configured it before us, such as Airflow 3, wants all logs its own way.
    if not structlog.is_configured():
        _configure(settings)
    return structlog.get_logger("batchcancel")


def _configure(settings: ApiSettings) -> None:
    import structlog

    renderer: Any = structlog.processors.JSONRenderer()
    if settings.log_format == "console":
        # A plain traceback: the rich one prints local variables, and the key is one.
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if settings.log_format == "json" else _as_it_is,
            renderer,
            Redactor(settings.api_key),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=True,
    )


def _as_it_is(_logger: Any, _method: str, event: Any) -> Any:
    return event


class Redactor:
    """Replaces the key in the rendered line, in every spelling; so it is the last processor."""

    def __init__(self, key: Secret) -> None:
        text = key.reveal()
        self._spellings = {text, json.dumps(text)[1:-1], repr(text)[1:-1]}

    def __call__(self, _logger: Any, _method: str, line: Any) -> str:
        text = str(line)
        for spelling in self._spellings:
            text = text.replace(spelling, "***")
        return text


class _Stderr:
    """Writes lines to stderr; where that is closed, the command goes on without a log."""

    def msg(self, message: str) -> None:
        try:
            sys.stderr.write(message + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            return

    info = warning = error = debug = critical = msg

"""Composition root: settings become the live objects that a command works with."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.to_thread

from batchcancel.addresses import is_postgres
from batchcancel.api import Answer, Limiter, Lookup, Request, Retry, SharedWindow
from batchcancel.clock import BootClock, Now, ServerClock, boot_clock, utc_now
from batchcancel.errors import (
    BatchcancelError,
    BatchHeld,
    InputError,
    LedgerWriteFailed,
    NoPlaceForLedger,
    TimeSpent,
    Unreachable,
    UnsafeLedger,
    wrong,
)
from batchcancel.events import Observer, WindowNotShared
from batchcancel.huskyvoice.client import HuskyVoice, NewTransport
from batchcancel.huskyvoice.limiter import (
    GateLimiter,
    OffloadCall,
    Patience,
    WindowLimiter,
    inline,
)
from batchcancel.huskyvoice.lookup import HuskyLookup
from batchcancel.huskyvoice.retry import backoff
from batchcancel.huskyvoice.window_file import FileWindow, window_path
from batchcancel.huskyvoice.window_log import MemoryWindow
from batchcancel.ledger.open import is_there, open_ledger, passing_ledger, read_ledger
from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.writing import Ledger
from batchcancel.pool.exchange import Exchange
from batchcancel.pool.workers import DRAIN
from batchcancel.settings.load import ApiSettings
from batchcancel.stop import Stop, background
from batchcancel.writer import Commit, Writer

Ledgers = tuple[Ledger, LedgerReader | None]
"""The ledger that is written, and the account of earlier runs; None where there were none."""

OpenLedgers = Callable[[str, ApiSettings, FileWindow | None], Ledgers]
"""How a command opens the ledger at an address; the window is the file that others share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The injected dependencies of a command: clocks, randomness, network, threads and disk.

    Tests inject their own. `on_open` is called with the ledger before anything else is done.
    """

    now: Now = utc_now
    boot: BootClock = field(default_factory=boot_clock)
    random: Random = field(default_factory=Random)
    new_transport: NewTransport | None = None
    new_writer: Callable[[Commit], Writer] = Writer
    offload: OffloadCall = anyio.to_thread.run_sync
    on_open: Callable[[Ledger], None] = lambda _ledger: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The live objects a command works with.

    `ledger` is written to; `account` is read for what earlier runs did, None when there were
    none. In a run they are one thing; a plan may have to leave the account alone.
    """

    ledger: Ledger
    account: LedgerReader | None
    writer: Writer
    exchange: Exchange
    limiter: Limiter
    retry: Retry
    lookup: Lookup
    clock: ServerClock
    stop: Stop
    origin: str
    attempts: int

    @contextmanager
    def at_right_address(self) -> Iterator[None]:
        """What cannot be reached is told as a wrong address, where nobody else is there."""
        try:
            yield
        except Unreachable as error:
            self.require_right_address()
            self.explain(error)
            raise

    def explain(self, error: BatchcancelError | None) -> None:
        """Where the API has answered this program meanwhile, an outage says so."""
        if isinstance(error, Unreachable) and self.exchange.proved:
            failed, asked = self.exchange.failed, self.exchange.requests
            error.tell_how_often(failed=failed, asked=asked, attempts=self.attempts)

    def require_right_address(self) -> None:
        """Raise `InputError` where nobody who is the API has ever answered at the address.

        A typing mistake is not repeated for ever, as an outage may be.
        """
        code = self.exchange.wrong_address
        if code is None or (self.account is not None and self.account.was_answered()):
            return
        raise InputError(
            f"this is not the address of the API: {self.origin}: {wrong(code)}",
            hint="Check --base-url, which ends with the API's version, /v1. Nothing was sent.",
        )


def for_run(ledger: str, settings: ApiSettings, _window: FileWindow | None) -> Ledgers:
    """The ledger of a run, written and read; no other run may hold the batch meanwhile."""
    written = open_ledger(
        ledger, origin=settings.origin, key=settings.api_key.fingerprint,
        state=_state_folder(settings),
    )  # fmt: skip
    return written, written


def for_plan(ledger: str, settings: ApiSettings, window: FileWindow | None) -> Ledgers:
    """The ledger of a plan: the file if it is free, so that a run right after knows our requests.

    Where a file cannot be written it is only read. So it is while a run holds it, if they share a
    window; if not there is no plan, for its requests would come on top of the run's.
    """
    try:
        return for_run(ledger, settings, window)
    except (UnsafeLedger, NoPlaceForLedger):
        raise
    except (InputError, BatchHeld) as error:
        if is_postgres(ledger) or (isinstance(error, BatchHeld) and window is None):
            raise
        account = read_ledger(ledger) if is_there(ledger) else None
        return in_memory(ledger, settings, window)[0], account


def in_memory(_ledger: str, settings: ApiSettings, _window: FileWindow | None) -> Ledgers:
    """A ledger in memory, gone when it is closed, for requests that belong to no batch."""
    return passing_ledger(origin=settings.origin, key=settings.api_key.fingerprint), None


def for_look(ledger: str, settings: ApiSettings, window: FileWindow | None) -> Ledgers:
    """For a command that only asks the ledger, where it has one, and writes none.

    A database is opened all the same: its window of requests counts.
    """
    if is_postgres(ledger):
        return for_run(ledger, settings, window)
    return in_memory(ledger, settings, window)[0], read_ledger(ledger) if ledger else None


@asynccontextmanager
async def tools(
    settings: ApiSettings, ledgers: OpenLedgers, *, ledger: str = "", stop: Stop,
    observe: Observer = lambda _event: None, around: Surroundings | None = None,
    hear: Callable[[Any], None] = lambda _body: None,
) -> AsyncIterator[Tools]:  # fmt: skip
    """The live objects, for as long as the command needs them; `ledgers` opens what it works on.

    `hear` is told what each look-up was answered, to the letter.
    """
    around = around or Surroundings()
    clock = ServerClock(steady=around.boot.seconds, now=around.now)
    with _opened(settings, ledgers, ledger, observe=observe, around=around) as opened:
        written, account, window = opened
        writer = around.new_writer(written.commit)
        stop.heard = partial(written.hurry, DRAIN)
        # The writer is stopped first, then the window told, then connections closed.
        async with (
            _api(settings, clock=clock, around=around) as api,
            _limiter(window, settings, clock=clock, around=around) as limiter,
            background(writer.serve, partial(_end, settings.max_duration, written, stop)),
        ):
            exchange = Exchange(
                send=api.send, limiter=limiter, writer=writer, stop=stop, now=around.now,
                clock=clock, max_retry_after=settings.max_retry_after,
                require_held=written.require_held, max_requests=settings.max_requests,
                observe=observe,
            )  # fmt: skip
            retry = backoff(attempts=settings.max_attempts, random=around.random, sleep=stop.sleep)
            live = Tools(
                ledger=written, account=account, writer=writer, exchange=exchange, limiter=limiter,
                retry=retry, lookup=_lookup(exchange, retry, hear=hear), clock=clock, stop=stop,
                origin=settings.origin, attempts=settings.max_attempts,
            )  # fmt: skip
            async with _flushing(writer):
                with live.at_right_address():
                    yield live


@contextmanager
def _opened(
    settings: ApiSettings, ledgers: OpenLedgers, ledger: str, *, observe: Observer,
    around: Surroundings,
) -> Iterator[tuple[Ledger, LedgerReader | None, SharedWindow]]:  # fmt: skip
    file = None if is_postgres(ledger) else _window_file(settings, around=around, observe=observe)
    written, account = ledgers(ledger, settings, file)
    around.on_open(written)
    with closing(written), closing(account or written):  # twice is harmless
        yield written, account, _window(settings, written, file, account, around=around)


@asynccontextmanager
async def _flushing(writer: Writer) -> AsyncIterator[None]:
    """Make the last answers durable: the next run counts the rate limit's window from them."""
    try:
        yield
    finally:
        # Shielded, for in a cancelled scope the await would end at once. A failed write has stopped
        # the command already, and must not hide what the command raised.
        with suppress(LedgerWriteFailed), anyio.CancelScope(shield=True):
            await writer.durable()


def _api(settings: ApiSettings, *, clock: ServerClock, around: Surroundings) -> HuskyVoice:
    return HuskyVoice(
        base_url=settings.base_url, key=settings.api_key.reveal(), timeout=settings.timeout,
        clock=clock, new_transport=around.new_transport, proxy=settings.proxy,
    )  # fmt: skip


def _lookup(exchange: Exchange, retry: Retry, *, hear: Callable[[Any], None]) -> HuskyLookup:
    async def send(request: Request) -> Answer:
        answer = await retry(partial(exchange.send, request, is_patient=True))
        hear(answer.body)
        return answer

    return HuskyLookup(send)


def _window(
    settings: ApiSettings, ledger: Ledger, file: FileWindow | None, account: LedgerReader | None,
    *, around: Surroundings,
) -> SharedWindow:  # fmt: skip
    """The window that the database or the file shares, else one of our own."""
    rate, timeout = settings.rate, settings.timeout
    if shared := ledger.shared_window(rate, timeout=timeout) or file:
        return shared
    own = MemoryWindow(rate=rate, timeout=timeout, clock=around.boot, now=around.now)
    if account is not None and not rate.is_unlimited:
        own.remember(_slots(account, settings, now=around.now()))
    return own


@asynccontextmanager
async def _limiter(
    window: SharedWindow, settings: ApiSettings, *, clock: ServerClock, around: Surroundings
) -> AsyncIterator[Limiter]:
    limiter = (GateLimiter if settings.rate.is_unlimited else WindowLimiter)(
        window,
        offload=inline if window.kept_in is None else around.offload,
        clocks=lambda: (around.boot.seconds(),),
        patience=Patience(settings.max_retry_after, clock.now),
    )
    try:
        yield limiter
    finally:
        # Shielded, so that other programs get our slots back as early as they may.
        with anyio.CancelScope(shield=True):
            await limiter.flush()


def _window_file(
    settings: ApiSettings, *, around: Surroundings, observe: Observer
) -> FileWindow | None:
    """The window that this user's programs share; a database has one of its own.

    None, with a warning, where there is no folder to keep it in.
    """
    folder = _state_folder(settings)
    if folder is None:
        observe(WindowNotShared(folder=str(_user_state()), why="there is no home directory"))
        return None
    window = FileWindow(
        window_path(folder, origin=settings.origin, key=settings.api_key.fingerprint),
        rate=settings.rate, timeout=settings.timeout, clock=around.boot, now=around.now,
    )  # fmt: skip
    try:
        window.open()
    except OSError as error:
        observe(WindowNotShared(folder=str(folder), why=error.strerror or "unknown"))
        return None
    return window


def _state_folder(settings: ApiSettings) -> Path | None:
    """None for a user whom the system does not know, without HOME, who would get one named ~."""
    folder = settings.state_dir or _user_state()
    return folder if settings.state_dir or folder.is_absolute() else None


def _user_state() -> Path:
    from platformdirs import user_state_path

    return user_state_path("batchcancel", appauthor=False)


def _slots(account: LedgerReader, settings: ApiSettings, *, now: datetime) -> Iterable[float]:
    """Seconds until each slot that earlier runs took is free again.

    An answer that never came may have been counted as late as the request's deadline.
    """
    longest = settings.rate.window + settings.timeout
    sent = account.requests_since(settings.api_key.fingerprint, now - timedelta(seconds=longest))
    for request in sent:
        counted_by = request.answered_at or request.sent_at + timedelta(seconds=settings.timeout)
        if (seconds := (counted_by - now).total_seconds() + settings.rate.window) > 0:
            # A clock that was set back since must not make a slot of the past last for hours.
            yield min(seconds, longest)


async def _end(max_duration: float | None, ledger: Ledger, stop: Stop) -> None:
    """Stop when the time is over; after the drain the ledger waits for no lost database."""
    with anyio.move_on_after(max_duration):
        await stop.asked()
    if max_duration is not None:
        stop.ask(TimeSpent(max_duration))  # a reason that was there before stays
    ledger.hurry(DRAIN)

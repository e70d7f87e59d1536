"""Settings -> live objects: the one root file that knows the folders."""

import functools
import math
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from random import Random

import anyio

from batchcancel.api import Answer, Api, Limiter, Request
from batchcancel.background import background
from batchcancel.bringing import brought
from batchcancel.errors import InputError, LedgerWriteFailed, StoppedEarly
from batchcancel.exchange import Exchange, Now
from batchcancel.huskyvoice.client import HuskyVoice, NewTransport
from batchcancel.huskyvoice.limiter import SlidingWindow
from batchcancel.huskyvoice.lookup import HuskyLookup
from batchcancel.huskyvoice.retry import Backoff
from batchcancel.huskyvoice.shared_limiter import SharedLimiter
from batchcancel.job import Equip, FetchObserver, Tools
from batchcancel.ledger import Ledger, LedgerReader, SentRequest
from batchcancel.ledger_address import is_postgres
from batchcancel.opening import is_there, open_ledger, passing_ledger, read_ledger
from batchcancel.pool import DRAIN
from batchcancel.settings import Settings
from batchcancel.stop import Stop
from batchcancel.writer import Offload, Writer, in_thread

OpenLedgers = Callable[[], tuple[Ledger, LedgerReader | None]]


def utc_now() -> datetime:
    """The wall clock, for the policy and the account; durations use the event loop's clock."""
    return datetime.now(UTC)


def new_run_id(now: datetime) -> str:
    """Sorts by time, and is never the same twice."""
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


def for_run(settings: Settings) -> OpenLedgers:
    """The ledger of a run: written and read, and its batch nobody else's meanwhile."""

    def open_ledgers() -> tuple[Ledger, LedgerReader | None]:
        ledger = open_ledger(
            settings.ledger, origin=settings.origin, key=settings.api_key.fingerprint
        )
        return ledger, ledger

    return open_ledgers


def for_plan(settings: Settings) -> OpenLedgers:
    """The ledger of a plan: the file if it is free, so that a run right after knows our requests.

    Where a file cannot be written it is only read. While a run holds it there is no plan: its
    requests would come on top of the run's, and the limit would be broken.
    """

    def open_ledgers() -> tuple[Ledger, LedgerReader | None]:
        try:
            return for_run(settings)()
        except InputError:
            if is_postgres(settings.ledger):  # only through it is the rate limit shared
                raise
            ledger = passing_ledger(origin=settings.origin, key=settings.api_key.fingerprint)
            return ledger, read_ledger(settings.ledger) if is_there(settings.ledger) else None

    return open_ledgers


def for_question(settings: Settings) -> OpenLedgers:
    """A ledger for one question to the API, beside every batch: gone when it is closed."""

    def open_ledgers() -> tuple[Ledger, LedgerReader | None]:
        return passing_ledger(origin=settings.origin, key=settings.api_key.fingerprint), None

    return open_ledgers


def equipment(
    settings: Settings,
    *,
    open_ledgers: OpenLedgers,
    stop: Stop,
    now: Now = utc_now,
    random: Random | None = None,
    new_transport: NewTransport | None = None,
    offload: Offload = in_thread,
) -> Equip:
    """The manifest and the live objects, brought when the job needs them and let go at its end."""

    @asynccontextmanager
    async def tools() -> AsyncIterator[Tools]:
        ledger, account = open_ledgers()
        with closing(ledger), closing(account or ledger):
            writer = Writer(ledger.commit, offload=offload)
            limit_time = functools.partial(_limit_time, settings.max_duration, stop)
            hurry = functools.partial(_hurry, ledger, stop)
            async with (
                _api(settings, now=now, new_transport=new_transport) as api,
                _limiter(settings, ledger=ledger, account=account, now=now) as limiter,
                background(writer.serve, limit_time, hurry),
            ):
                try:
                    yield _tools(
                        settings,
                        ledger=ledger,
                        account=account,
                        writer=writer,
                        limiter=limiter,
                        api=api,
                        stop=stop,
                        now=now,
                        random=random or Random(),
                    )
                finally:
                    with suppress(LedgerWriteFailed), anyio.CancelScope(shield=True):
                        await writer.durable()

    def bring(observer: FetchObserver) -> AbstractAsyncContextManager[str]:
        return brought(settings.manifest, stop=stop, observer=observer)

    return Equip(bring=bring, tools=tools)


def _api(settings: Settings, *, now: Now, new_transport: NewTransport | None) -> HuskyVoice:
    return HuskyVoice(
        base_url=settings.base_url,
        key=settings.api_key.reveal(),
        timeout=settings.timeout,
        now=now,
        new_transport=new_transport,
    )


def _tools(
    settings: Settings,
    *,
    ledger: Ledger,
    account: LedgerReader | None,
    writer: Writer,
    limiter: Limiter,
    api: Api,
    stop: Stop,
    now: Now,
    random: Random,
) -> Tools:
    exchange = Exchange(
        api=api,
        limiter=limiter,
        writer=writer,
        stop=stop,
        now=now,
        max_retry_after=settings.max_retry_after,
        require_held=ledger.require_held,
    )
    retry = Backoff(attempts=settings.max_attempts, random=random, sleep=stop.sleep)

    async def send(request: Request) -> Answer:
        return await retry(functools.partial(exchange.send, request))

    return Tools(
        ledger=ledger,
        account=account,
        writer=writer,
        exchange=exchange,
        limiter=limiter,
        retry=retry,
        lookup=HuskyLookup(send),
        now=now,
        stop=stop,
    )


@asynccontextmanager
async def _limiter(
    settings: Settings, *, ledger: Ledger, account: LedgerReader | None, now: Now
) -> AsyncIterator[Limiter]:
    """The window that the ledger shares with other hosts, or one of our own."""
    rate = settings.rate
    is_limited = not math.isinf(rate.limit)
    shared = ledger.shared_window(rate, timeout=settings.timeout) if is_limited else None
    if shared is not None:
        limiter = SharedLimiter(shared, offload=anyio.to_thread.run_sync)
        try:
            yield limiter
        finally:
            with anyio.CancelScope(shield=True):
                await limiter.tell()
        return
    own = SlidingWindow(limit=rate.limit, window=rate.window)
    if account is not None:
        own.remember(_slots(account, settings, now=now()))
    yield own


def _slots(account: LedgerReader, settings: Settings, *, now: datetime) -> Iterable[float]:
    """Seconds until each slot that earlier runs took is free again.

    An answer that never came may have been counted as late as the request's deadline.
    """
    longest = settings.rate.window + settings.timeout
    sent = account.requests_since(settings.api_key.fingerprint, now - timedelta(seconds=longest))
    for request in sent:
        free_in = (_counted_by(request, settings.timeout) - now).total_seconds()
        if (seconds := free_in + settings.rate.window) > 0:
            yield min(seconds, longest)


def _counted_by(request: SentRequest, timeout: float) -> datetime:
    return request.answered_at or request.sent_at + timedelta(seconds=timeout)


async def _limit_time(max_duration: float | None, stop: Stop) -> None:
    if max_duration is None:
        return
    await anyio.sleep(max_duration)
    stop.ask(
        StoppedEarly(
            f"--max-duration of {max_duration:g} s is over",
            hint="Run the same command again to go on.",
        )
    )


async def _hurry(ledger: Ledger, stop: Stop) -> None:
    """After the drain a ledger that is away is not waited for."""
    await stop.asked()
    await anyio.sleep(DRAIN)
    ledger.hurry()

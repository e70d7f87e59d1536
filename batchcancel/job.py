"""The whole job: manifest -> reader -> policy -> pool -> writer -> ledger.

Planning is the same path without the pool.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

import anyio

from batchcancel.api import Limiter, Lookup, OrgConfig, Retry
from batchcancel.errors import BatchcancelError, Interrupted, LedgerWriteFailed
from batchcancel.exchange import Exchange, Now
from batchcancel.ledger import Learned, Ledger, LedgerReader, Run
from batchcancel.manifest import Manifest
from batchcancel.plan import Plan
from batchcancel.planning import Planned, PlanObserver, plan_batch, refuse_above_cap
from batchcancel.pool import Observer as PoolObserver
from batchcancel.pool import Pool
from batchcancel.reader import read_manifest
from batchcancel.settings import Settings
from batchcancel.starts import Starts
from batchcancel.stop import Stop, Stopped
from batchcancel.summary import Counts, Summary, count, exit_code
from batchcancel.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The live objects a job works with.

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
    now: Now
    stop: Stop


class FetchObserver(Protocol):
    """Who is told of a manifest that is far away."""

    def fetches(self, manifest: str) -> None: ...

    def fetched(self, manifest: str, size: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Equip:
    """How a job gets at things, each when its time has come, and lets go of them at the end.

    `bring` gives the manifest as something `read_manifest` can read; `tools` are the live objects.
    """

    bring: Callable[[FetchObserver], AbstractAsyncContextManager[str]]
    tools: Callable[[], AbstractAsyncContextManager[Tools]]


class Observer(FetchObserver, PlanObserver, PoolObserver, Protocol):
    """Who watches a job."""

    def planned(self, planned: Planned) -> None: ...

    def started(self, plan: Plan, limiter: Limiter) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run did, and what ended it early, if anything did."""

    summary: Summary
    reason: BatchcancelError | None


async def ask_config(equip: Equip) -> OrgConfig:
    """Ask the API for the organisation's settings, and nothing else."""
    async with equip.tools() as tools:
        return await tools.lookup.config()


async def plan_job(settings: Settings, *, equip: Equip, observer: Observer) -> Planned:
    """Decide, count and estimate; sends no write."""
    manifest = await _read(settings, equip=equip, observer=observer)
    async with equip.tools() as tools:
        planned = await _planned(manifest, settings, tools=tools, observer=observer)
        observer.planned(planned)
        return planned


async def run_job(
    settings: Settings,
    *,
    run_id: str,
    equip: Equip,
    observer: Observer,
    confirm: Callable[[Planned], None],
) -> Finished:
    """Plan, confirm, cancel; the same again resumes.

    Raises what stops a run before its first write. Afterwards the reason for an early end is
    part of the result, beside the counts.
    """
    began = anyio.current_time()
    manifest = await _read(settings, equip=equip, observer=observer)
    async with equip.tools() as tools:
        run = Run(run_id=run_id, batch=settings.batch, started_at=tools.now())
        tools.ledger.hold(run)
        try:
            planned = await _planned(manifest, settings, tools=tools, observer=observer)
            observer.planned(planned)
            refuse_above_cap(planned.plan, settings)
            await _raise_if_stopped(tools.stop)
            confirm(planned)
            await _enrol(planned, settings, tools=tools)
        except BatchcancelError as error:
            await _flush(tools)
            _close_run(run, error.exit_code, tools=tools)
            raise
        observer.started(planned.plan, tools.limiter)
        await _settle(planned, settings, tools=tools, observer=observer)
        return await _finished(planned, run, settings, tools=tools, began=began)


async def _read(settings: Settings, *, equip: Equip, observer: FetchObserver) -> Manifest:
    async with equip.bring(observer) as readable:
        manifest = replace(read_manifest(readable), source=str(settings.manifest))
    if not settings.allow_rejected_rows:
        manifest.require_clean()
    return manifest


async def _planned(
    manifest: Manifest, settings: Settings, *, tools: Tools, observer: Observer
) -> Planned:
    try:
        return await plan_batch(
            manifest,
            settings,
            account=tools.account,
            lookup=tools.lookup,
            limiter=tools.limiter,
            now=tools.now,
            observer=observer,
        )
    except Stopped:
        raise tools.stop.reason or AssertionError("stopped for no reason") from None


async def _raise_if_stopped(stop: Stop) -> None:
    """Let signals that came while planning be heard before somebody is asked."""
    await anyio.sleep(0.01)
    if stop.reason is not None:
        raise stop.reason


async def _enrol(planned: Planned, settings: Settings, *, tools: Tools) -> None:
    ledger = tools.ledger
    await tools.writer.durable()  # the ledger is asked by one at a time
    ledger.enrol(planned.batch, planned.manifest.ledger_rows(), planned.manifest.rejected)
    if settings.retry_refused:
        ledger.reopen_refused(settings.batch)
    ledger.decide(settings.batch, planned.plan.decided_skips())
    tools.writer.note(*(Learned(appointment_id=one, starts_at=at) for one, at in planned.learned))


async def _settle(
    planned: Planned, settings: Settings, *, tools: Tools, observer: Observer
) -> None:
    pool = Pool(
        exchange=tools.exchange,
        retry=tools.retry,
        policy=planned.rules.policy,
        starts=Starts(
            sessions=settings.sessions, lookup=tools.lookup, timezone=planned.rules.timezone
        ),
        writer=tools.writer,
        stop=tools.stop,
        now=tools.now,
        observer=observer,
        halt_after=settings.halt_after,
    )
    appointments = planned.plan.appointments()
    if settings.notes is not None:
        appointments = (replace(one, notes=one.notes or settings.notes) for one in appointments)
    workers = min(settings.concurrency, planned.plan.eligible)
    await pool.settle_all(appointments, workers=workers)


async def _flush(tools: Tools) -> None:
    """Wait until the writer has done with the ledger, or has failed."""
    try:
        await tools.writer.durable()
    except LedgerWriteFailed as error:
        tools.stop.ask(error)


async def _finished(
    planned: Planned, run: Run, settings: Settings, *, tools: Tools, began: float
) -> Finished:
    await _flush(tools)
    counts = _counts(settings.batch, tools=tools)
    reason = tools.stop.reason
    code = exit_code(counts, held_back=planned.plan.held_back)
    failure = _close_run(run, code if reason is None else reason.exit_code, tools=tools)
    reason = reason or failure
    summary = Summary(
        batch=settings.batch,
        run_id=run.run_id,
        counts=counts,
        duplicates=planned.batch.duplicates,
        requests=tools.exchange.requests,
        rate_limited=tools.exchange.rate_limited,
        elapsed_s=anyio.current_time() - began,
        exit_code=code if reason is None else reason.exit_code,
        ledger=settings.ledger_shown,
    )
    return Finished(summary=summary, reason=reason)


def _counts(batch: str, *, tools: Tools) -> Counts:
    try:
        return count(tools.ledger.tally(batch))
    except BatchcancelError as error:
        raise _uncounted(tools.stop.reason, error) from error


def _uncounted(reason: BatchcancelError | None, error: BatchcancelError) -> BatchcancelError:
    """Why the run ended is told even where the ledger cannot be asked what it did."""
    if not isinstance(reason, Interrupted):
        return reason or error
    told = BatchcancelError(f"{reason.message}, and {error.message}", hint=error.hint)
    told.exit_code = reason.exit_code
    return told


def _close_run(run: Run, exit_code: int, *, tools: Tools) -> LedgerWriteFailed | None:
    try:
        tools.ledger.finish(replace(run, ended_at=tools.now(), exit_code=int(exit_code)))
    except LedgerWriteFailed as error:
        return error
    return None

"""The whole job: manifest -> reader -> policy -> pool -> writer -> ledger.

Planning is the same path without the pool.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import anyio

from batchcancel.api import Limiter, Lookup, Retry
from batchcancel.errors import BatchcancelError, LedgerWriteFailed, Refusal
from batchcancel.exchange import Exchange, Now
from batchcancel.ledger import Batch, Ledger, LedgerReader, Run
from batchcancel.manifest import Manifest
from batchcancel.plan import Plan, depends_on_clock, make_plan
from batchcancel.pool import Observer as PoolObserver
from batchcancel.pool import Pool
from batchcancel.reader import read_manifest
from batchcancel.resume import batch_of, known_batch, refuse_changed_manifest, standing_of
from batchcancel.rules import Rules, clock_difference, rules_in_force
from batchcancel.settings import Settings
from batchcancel.starts import Starts
from batchcancel.stop import Stop, Stopped
from batchcancel.summary import Summary, count, exit_code
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


Equip = Callable[[], AbstractAsyncContextManager[Tools]]


class Observer(PoolObserver, Protocol):
    """Who watches a job."""

    def clock_differs(self, difference: timedelta) -> None: ...

    def planned(self, plan: "Planned") -> None: ...

    def started(self, plan: Plan, limiter: Limiter) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, and what it was made from."""

    plan: Plan
    batch: Batch
    manifest: Manifest
    rules: Rules
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run did, and what ended it early, if anything did."""

    summary: Summary
    reason: BatchcancelError | None


async def plan_job(settings: Settings, *, equip: Equip, observer: Observer) -> Planned:
    """Decide, count and estimate; sends no write."""
    manifest = _read(settings)
    async with equip() as tools:
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
    manifest = _read(settings)
    async with equip() as tools:
        run = Run(run_id=run_id, batch=settings.batch, started_at=tools.now())
        tools.ledger.hold(run)
        try:
            planned = await _planned(manifest, settings, tools=tools, observer=observer)
            observer.planned(planned)
            refuse_above_cap(planned.plan, settings)
            confirm(planned)
            _enrol(planned, settings, tools.ledger)
        except BatchcancelError as error:
            _finish(run, exit_code=error.exit_code, tools=tools)
            raise
        observer.started(planned.plan, tools.limiter)
        await _settle(planned, settings, tools=tools, observer=observer)
        return _finished(planned, run, settings, tools=tools, began=began)


def _read(settings: Settings) -> Manifest:
    manifest = read_manifest(settings.manifest)
    if not settings.allow_rejected_rows:
        manifest.require_clean()
    return manifest


async def _planned(
    manifest: Manifest, settings: Settings, *, tools: Tools, observer: Observer
) -> Planned:
    batch = batch_of(manifest, settings)
    known = known_batch(tools.account, settings.batch)
    if known is not None and tools.account is not None:
        refuse_changed_manifest(
            tools.account,
            known=known,
            batch=batch,
            manifest=manifest,
            is_accepted=settings.accept_changed_manifest,
        )
        manifest = manifest.with_known_starts(tools.account.learned_starts(settings.batch))
    try:
        rules = await rules_in_force(settings, lookup=tools.lookup, manifest=manifest)
        manifest = await _with_starts(manifest, settings, rules=rules, lookup=tools.lookup)
    except Stopped:
        raise tools.stop.reason or AssertionError("stopped for no reason") from None
    now = tools.now()
    _check_clock(manifest, rules, now=now, observer=observer)
    plan = make_plan(
        manifest,
        policy=rules.policy,
        now=now,
        rate=settings.rate,
        standing=standing_of(tools.account, settings),
        limit=settings.limit,
    )
    batch = replace(batch_of(manifest, settings), digest=batch.digest)
    return Planned(plan=plan, batch=batch, manifest=manifest, rules=rules, at=now)


async def _with_starts(
    manifest: Manifest, settings: Settings, *, rules: Rules, lookup: Lookup
) -> Manifest:
    """Every start time the manifest can give, in UTC."""
    if rules.timezone is None:
        return manifest
    manifest = manifest.in_timezone(rules.timezone)
    if not settings.allow_rejected_rows:
        manifest.require_clean()
    starts = Starts(sessions=settings.sessions, lookup=lookup, timezone=rules.timezone)
    found = {wanted: await starts.local(*wanted) for wanted in manifest.sessions_wanted()}
    return manifest.with_session_starts(found, rules.timezone)


def _check_clock(
    manifest: Manifest, rules: Rules, *, now: datetime, observer: Observer
) -> None:
    difference = clock_difference(rules, now=now)
    if difference is None:
        return
    observer.clock_differs(difference)
    rows = depends_on_clock(manifest, policy=rules.policy, ours=now, theirs=now + difference)
    if rows:
        raise Refusal(
            f"this machine's clock and the API's differ by {abs(difference)}, and {rows} "
            "appointments would be decided differently",
            hint="Set this machine's clock. Nothing was sent.",
        )


def refuse_above_cap(plan: Plan, settings: Settings) -> None:
    """Raise `Refusal` when the batch would cancel more than `--max-cancel` allows."""
    if settings.max_cancel is None:
        return
    most, wanted = settings.max_cancel.rows_of(plan.rows), plan.eligible + plan.settled
    if wanted > most:
        raise Refusal(
            f"the batch would cancel {wanted} appointments, more than the {most} "
            f"that --max-cancel {settings.max_cancel} allows",
            hint="Check the manifest; if it is right, raise --max-cancel. Nothing was sent.",
        )


def _enrol(planned: Planned, settings: Settings, ledger: Ledger) -> None:
    ledger.enrol(planned.batch, planned.manifest.ledger_rows(), planned.manifest.rejected)
    if settings.retry_refused:
        ledger.reopen_refused(settings.batch)
    ledger.decide(settings.batch, planned.plan.decided_skips())


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
        appointments = (
            replace(one, notes=one.notes or settings.notes) for one in appointments
        )
    await pool.settle_all(appointments, workers=settings.concurrency)
    try:
        await tools.writer.durable()
    except LedgerWriteFailed as error:
        tools.stop.ask(error)


def _finished(
    planned: Planned, run: Run, settings: Settings, *, tools: Tools, began: float
) -> Finished:
    counts = count(tools.ledger.tally(settings.batch))
    reason = tools.stop.reason
    code = exit_code(counts, held_back=planned.plan.held_back)
    _finish(run, exit_code=code if reason is None else reason.exit_code, tools=tools)
    reason = tools.stop.reason
    summary = Summary(
        batch=settings.batch,
        run_id=run.run_id,
        counts=counts,
        duplicates=planned.batch.duplicates,
        requests=tools.exchange.requests,
        rate_limited=tools.exchange.rate_limited,
        elapsed_s=anyio.current_time() - began,
        exit_code=code if reason is None else reason.exit_code,
        ledger=settings.ledger,
    )
    return Finished(summary=summary, reason=reason)


def _finish(run: Run, *, exit_code: int, tools: Tools) -> None:
    try:
        tools.ledger.finish(replace(run, ended_at=tools.now(), exit_code=int(exit_code)))
    except LedgerWriteFailed as error:
        tools.stop.ask(error)

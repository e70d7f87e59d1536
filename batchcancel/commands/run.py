"""The run command: plan, confirm, cancel; running it again resumes."""

import getpass
import os
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import anyio

from batchcancel import __version__, wiring
from batchcancel.commands.plan import load_manifest, plan_batch, refuse
from batchcancel.errors import BatchcancelError, Interrupted, LedgerWriteFailed, TimeSpent
from batchcancel.events import Observer, RunStarted
from batchcancel.ledger.contract import Approved, Look, Run
from batchcancel.ledger.writing import Ledger
from batchcancel.policy.fresh import Fresh
from batchcancel.policy.plan import Planned
from batchcancel.policy.starts import Starts
from batchcancel.pool.cancel import Cancellation, Means
from batchcancel.pool.workers import Pool
from batchcancel.report.counts import counts_from, exit_code
from batchcancel.report.status import moved_here
from batchcancel.report.summary import Summary
from batchcancel.settings.approval import Approval
from batchcancel.settings.load import ApiSettings, Settings
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings, Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run did, and what ended it early, if anything did."""

    summary: Summary
    reason: BatchcancelError | None


async def run(
    settings: Settings, *, stop: Stop, observe: Observer,
    confirm: Callable[[Planned], Awaitable[None] | None], run_id: str | None = None,
    around: Surroundings | None = None,
) -> Finished:  # fmt: skip
    """Plan, confirm, cancel. `run_id` names the run; by default a name of its own is made up.

    `confirm` may wait for an answer, and raises where it is no, as all does that stops a run before
    its first write. Afterwards the reason for an early end is part of the result.
    """
    began = anyio.current_time()
    manifest = await load_manifest(settings, stop=stop, observe=observe)
    async with wiring.tools(
        settings, wiring.for_run, ledger=settings.ledger, stop=stop, observe=observe, around=around
    ) as tools:
        run = new_run(settings.batch, settings.recorded(), run_id=run_id, now=tools.clock.now())
        async with holding(run, tools=tools):
            planned = await plan_batch(manifest, settings, tools=tools, observe=observe)
            refuse(planned, settings)
            await stop.checkpoint()  # the plan is made in one piece, and signals are heard late
            if (answer := confirm(planned)) is not None:
                await answer
            await _enrol(planned, retry_refused=settings.retry_refused, tools=tools)
            _keep_approval(tools.ledger, run, settings.approved)
            tools.ledger.note(run.batch, Look("plan", run.started_at, _shown(planned, settings)))
        observe(
            RunStarted(eligible=planned.plan.eligible, rate=settings.rate, limiter=tools.limiter)
        )
        await _run_pool(planned, settings, tools=tools, observe=observe)
        return await finished(
            run, tools=tools, began=began, held_back=planned.plan.held_back,
            ledger=settings.redacted_ledger, duplicates=planned.batch.duplicates,
            approval=settings.approved, selection=planned.manifest.selection,
        )  # fmt: skip


def new_run(
    batch: str, options: Mapping[str, Any] | None, *, run_id: str | None, now: datetime,
    kind: str | None = None,
) -> Run:  # fmt: skip
    """A run that begins now, by whoever started this process; its name can be sorted by time."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number that has no name
        user = None
    name = run_id or f"{kind or now.strftime('%Y%m%dT%H%M%SZ')}-{uuid.uuid4().hex[:8]}"
    return Run(
        run_id=name, batch=batch, started_at=now, version=__version__, user=user,
        host=socket.gethostname(), pid=os.getpid(), options=options,
    )  # fmt: skip


@asynccontextmanager
async def holding(run: Run, *, tools: Tools) -> AsyncIterator[None]:
    """Hold the batch from before the plan, which no other run may change, to the first write."""
    tools.ledger.hold(run)
    try:
        yield
    except BatchcancelError as error:
        # A refused run is closed too, or `status` would show it as still going on.
        await _flush(tools)
        _close_run(run, error.exit_code, why=error.message, tools=tools)
        raise


async def _enrol(planned: Planned, *, retry_refused: bool, tools: Tools) -> None:
    ledger, batch = tools.ledger, planned.batch
    await tools.writer.durable()  # the ledger is used by one thread at a time, not by two
    zone = planned.rules.timezone
    batch = replace(batch, timezone=None if zone is None else str(zone))
    ledger.enrol(batch, planned.manifest.ledger_rows(), planned.manifest.rejected)
    if retry_refused:
        ledger.reopen_refused(batch.name)
    ledger.decide(batch.name, planned.plan.endings(), planned.observed.observations())
    tools.writer.enqueue(*planned.observed.learned())


def _shown(planned: Planned, settings: Settings) -> dict[str, Any]:
    """What a report tells later of what was decided then; of the notes only that there are some."""
    windows = planned.windows
    return {
        "notice_hours": planned.rules.policy.notice / timedelta(hours=1),
        "notes": settings.notes is not None,
        "windows": {
            "open": windows.windows, "places": windows.places, "unread": windows.unread,
        },
        "branches": dict(planned.branches),
    }  # fmt: skip


def _keep_approval(ledger: Ledger, run: Run, approval: Approval | None) -> None:
    """Write down who gave an approval first: runs that resume under it give no new one."""
    known = ledger.approved(run.batch)
    if approval is not None and (known is None or known.token != str(approval)):
        ledger.approve(run.batch, Approved(str(approval), run.user, run.started_at))


async def _run_pool(
    planned: Planned, settings: Settings, *, tools: Tools, observe: Observer
) -> None:
    rules, observed = planned.rules, planned.observed
    starts = Starts(
        sessions=settings.sessions, lookup=tools.lookup, timezone=rules.timezone,
        needed=rules.policy.needs_start,
    )  # fmt: skip
    fresh = Fresh(
        planned.plan.pages(), lookup=tools.lookup, now=tools.clock.now, budget=observed.budget,
        shuffled=[day for day, one in observed.days.items() if one.is_shuffled],
        shown=observed.records(planned.plan.perhaps_sent()),
    )  # fmt: skip
    means = Means(
        exchange=tools.exchange, retry=tools.retry, policy=rules.policy, starts=starts,
        writer=tools.writer, statuses=settings.status, fresh=fresh,
        approved_at=observed.approved_at,
    )  # fmt: skip
    appointments = planned.plan.appointments()
    if settings.notes is not None:
        appointments = (replace(one, notes=one.notes or settings.notes) for one in appointments)
    ways = (Cancellation(one, means) for one in appointments)
    await settle_all(ways, planned.plan.eligible, settings, tools=tools, observe=observe)


async def settle_all(
    ways: Iterator[Cancellation],
    rows: int,
    settings: ApiSettings,
    *,
    tools: Tools,
    observe: Observer,
) -> None:
    """Let workers settle each of so many rows, until the run is to stop."""
    pool = Pool(
        tools.writer, stop=tools.stop, now=tools.clock.now, observe=observe,
        halt_after=settings.halt_after,
    )  # fmt: skip
    await pool.settle_all(ways, workers=min(settings.concurrency, rows))


async def _flush(tools: Tools) -> LedgerWriteFailed | None:
    """Wait until everything queued is durable; a failure to write stops the run."""
    try:
        await tools.writer.durable()
    except LedgerWriteFailed as error:
        tools.stop.ask(error)
        return error
    return None


async def finished(
    run: Run, *, tools: Tools, began: float, held_back: int, ledger: str, duplicates: int = 0,
    approval: Approval | None = None, selection: str | None = None, restores: bool = False,
) -> Finished:  # fmt: skip
    """Count, close the run, and sum it up; `ledger` is its address as it may be shown."""
    have_ended = tools.stop.reason is None
    failure = await _flush(tools)
    try:
        counts = counts_from(tools.ledger.tally(run.batch))
        # It reads every row: not in the seconds that a signal leaves.
        here = 0 if tools.stop.reason else moved_here(tools.ledger, run.batch, counts)
    except BatchcancelError as error:
        raise _uncounted(tools.stop.reason, error) from error
    reason = tools.stop.reason
    if have_ended and isinstance(reason, TimeSpent):
        reason = failure  # over while the last outcomes were written: it stopped nothing
    code = exit_code(counts, held_back=held_back, restores=restores)
    run = replace(run, counts=counts.as_json())
    why = None if reason is None else reason.message
    failure = _close_run(run, reason.exit_code if reason else code, why=why, tools=tools)
    reason = reason or failure
    summary = Summary(
        batch=run.batch, run_id=run.run_id, counts=counts, duplicates=duplicates,
        requests=tools.exchange.requests, rate_limited=tools.exchange.rate_limited,
        elapsed_s=anyio.current_time() - began, exit_code=reason.exit_code if reason else code,
        ledger=ledger, origin=tools.origin, approval=None if approval is None else str(approval),
        selection=selection, restores=restores,
        moved_here=here, held_back=held_back,
    )  # fmt: skip
    return Finished(summary=summary, reason=reason)


def _uncounted(reason: BatchcancelError | None, error: BatchcancelError) -> BatchcancelError:
    """The reason why the run ended, where the ledger cannot be asked for the counts.

    An interruption keeps its exit code, and says what failed besides.
    """
    if not isinstance(reason, Interrupted):
        return reason or error
    told = BatchcancelError(f"{reason.message}, and {error.message}", hint=error.hint)
    told.exit_code = reason.exit_code
    return told


def _close_run(
    run: Run, exit_code: int, *, why: str | None, tools: Tools
) -> LedgerWriteFailed | None:
    """Write down how a run ended, and let go of its batch; what kept it from that is returned."""
    ended = replace(run, ended_at=tools.clock.now(), exit_code=int(exit_code), why=why)
    try:
        tools.ledger.finish(ended)
    except LedgerWriteFailed as error:
        return error
    return None

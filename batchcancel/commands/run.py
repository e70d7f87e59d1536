"""The run command: plan, confirm, cancel; running it again resumes."""

import getpass
import os
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import anyio

from batchcancel import __version__, wiring
from batchcancel.commands.plan import load_manifest, plan_batch, refuse
from batchcancel.commands.rest import Rest, has_notes, told
from batchcancel.commands.work import Work, planned_work, settle
from batchcancel.errors import (
    BatchcancelError,
    Interrupted,
    LedgerWriteFailed,
    TimeSpent,
    WindowFull,
)
from batchcancel.events import Observer, RunStarted
from batchcancel.ledger.contract import Approved, Look, Run
from batchcancel.ledger.writing import Ledger
from batchcancel.policy.plan import Planned
from batchcancel.report.counts import counts_from, exit_code
from batchcancel.report.status import moved_here
from batchcancel.report.summary import Summary
from batchcancel.settings.approval import Approval
from batchcancel.settings.load import Settings
from batchcancel.settings.options import reach
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings, Tools

WORTH_S = 10.0
"""A shorter wait is not worth a pause: the next slice has to start a program."""

MOST_ROWS = 50_000
"""With more rows left a run does not pause: what it knows of them is too much to keep each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a run did, and what ended it early, if anything did."""

    summary: Summary
    reason: BatchcancelError | None


@dataclass(frozen=True, slots=True)
class Slice:
    """A run that pauses when the window is full: when the first slice began, and its manifest."""

    began_at: datetime
    digest: str
    has_notes: bool
    around: Surroundings


async def run(
    settings: Settings, *, stop: Stop, observe: Observer,
    confirm: Callable[[Planned], Awaitable[None] | None], run_id: str | None = None,
    around: Surroundings | None = None, in_slices: bool = False,
    before: Callable[[], None] = lambda: None,
) -> Finished:  # fmt: skip
    """Plan, confirm, cancel. `run_id` names the run; by default a name of its own is made up.

    `confirm` may wait for an answer, and raises where it is no, as all does that stops a run before
    its first write; so may `before`, before the API is asked. Afterwards the reason for an early
    end is part of the result. `in_slices` it ends with `WindowFull` where it would wait for long;
    `slices` goes on.
    """
    began, around = anyio.current_time(), around or Surroundings()
    began_at = around.now()
    manifest = await load_manifest(settings, stop=stop, observe=observe)
    async with wiring.tools(
        settings, wiring.for_run, ledger=settings.ledger, stop=stop, observe=observe, around=around
    ) as tools:
        if in_slices:
            require_slot(tools, settings, around=around)
        run = new_run(settings.batch, settings.recorded(), run_id=run_id, now=tools.clock.now())
        async with holding(run, tools=tools):
            planned = await plan_batch(
                manifest, settings, tools=tools, observe=observe, before=before
            )
            refuse(planned, settings)
            await stop.checkpoint()  # the plan is made in one piece, and signals are heard late
            if (answer := confirm(planned)) is not None:
                await answer
            await _enrol(planned, retry_refused=settings.retry_refused, tools=tools)
            _keep_approval(tools.ledger, run, settings.approved)
            for look in _looks(planned, settings):
                tools.ledger.note(run.batch, look)
        of = Slice(began_at, manifest.digest, has_notes(manifest), around) if in_slices else None
        return await settled(
            planned_work(planned), run, settings, tools=tools, observe=observe, began=began, of=of
        )


def require_slot(
    tools: Tools, settings: Settings, *, around: Surroundings, run_id: str | None = None
) -> None:
    """Raise `WindowFull` where even the first request would wait for long."""
    wait = tools.limiter.wait()
    if wait > WORTH_S and tools.limiter.closed() <= settings.max_retry_after:
        raise WindowFull(wait, until=around.now() + timedelta(seconds=wait), run_id=run_id)


async def settled(
    work: Work, run: Run, settings: Settings, *, tools: Tools, observe: Observer, began: float,
    of: Slice | None,
) -> Finished:  # fmt: skip
    """Settle the rows, and close the run; of a run in slices what a full window leaves is kept."""
    observe(RunStarted(eligible=work.count, rate=settings.rate, limiter=tools.limiter))
    if of is not None and work.count <= MOST_ROWS:
        tools.exchange.most_wait = WORTH_S
    left = await settle(work, settings, tools=tools, observe=observe)
    if of is not None and isinstance(tools.stop.reason, WindowFull):
        await _keep(left, run, settings, tools=tools, of=of)
    done = await finished(
        run, tools=tools, began=began, held_back=work.held_back, ledger=settings.redacted_ledger,
        duplicates=work.duplicates, approval=settings.approved, selection=work.selection,
    )  # fmt: skip
    if of is not None and isinstance(done.reason, WindowFull):
        # What was told last counts those who wait before us too.
        wait = max(tools.limiter.wait(), await tools.limiter.looked())
        until = of.around.now() + timedelta(seconds=wait)
        done = replace(done, reason=WindowFull(wait, until=until, run_id=run.run_id))
    return done


async def _keep(left: Work, run: Run, settings: Settings, *, tools: Tools, of: Slice) -> None:
    """What cannot be kept is planned anew."""
    around = of.around
    rest = Rest(
        run_id=run.run_id, told=told(settings), began_at=of.began_at, paused_at=around.now(),
        boot=around.boot.boot, clock=tools.clock.bounds(), spent=tools.exchange.spent(),
        digest=of.digest, has_notes=of.has_notes, work=left,
    )  # fmt: skip
    with suppress(LedgerWriteFailed):
        await tools.writer.durable()  # the ledger is used by one thread at a time, not by two
        tools.ledger.keep_rest(run.batch, rest.look(run.batch))


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


def _looks(planned: Planned, settings: Settings) -> Iterator[Look]:
    """What a report tells later of what was decided then; of the notes only that there are some.

    A run that had nothing to decide, or did not look at the calendar, leaves what is known.
    """
    if planned.rules.is_asked:
        found = {
            "notice_hours": planned.rules.policy.notice / timedelta(hours=1),
            "notes": settings.notes is not None,
            "branches": dict(planned.branches),
        }
        yield Look("plan", planned.at, found)
    if planned.windows.is_looked:
        yield Look("windows", planned.at, planned.windows.as_json())


def _keep_approval(ledger: Ledger, run: Run, approval: Approval | None) -> None:
    """Write down who gave an approval first: runs that resume under it give no new one."""
    known = ledger.approved(run.batch)
    if approval is not None and (known is None or known.token != str(approval)):
        ledger.approve(run.batch, Approved(str(approval), run.user, run.started_at))


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
    left_out: int = 0,
) -> Finished:  # fmt: skip
    """Count, close the run, and sum it up; `ledger` is its address as it may be shown.

    `left_out` rows were asked for and are none of the batch.
    """
    have_ended = tools.stop.reason is None
    tools.explain(tools.stop.reason)
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
    code = exit_code(counts, held_back=held_back, restores=restores, left_out=left_out)
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
        moved_here=here, held_back=held_back, left_out=left_out, reach=reach(run.options or {}),
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

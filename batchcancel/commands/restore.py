"""The restore command: plan, confirm, put back what a batch cancelled; run it again to resume."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import anyio

from batchcancel import wiring
from batchcancel.addresses import Source, redacted_ledger
from batchcancel.appointments import KnownBy, Outcome, OutcomeName, SkipReason, Start
from batchcancel.commands.run import Finished, close_run, finished, flush, new_run
from batchcancel.commands.verify import batch_named, day_of, require_own
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.events import Caution, Observer, PlanMade, RunStarted
from batchcancel.ledger.contract import Batch, CancelledRow, LedgerReader, LedgerRow, OpenRow
from batchcancel.policy.back import read_back
from batchcancel.policy.fresh import Fresh
from batchcancel.policy.pages import Budget
from batchcancel.policy.places import Places
from batchcancel.policy.starts import Starts
from batchcancel.policy.undo import UNTIL_START, Candidate, Choice, choose, reason_by_ledger
from batchcancel.pool.cancel import Means
from batchcancel.pool.restore import Restoration
from batchcancel.pool.workers import Pool
from batchcancel.reader.fetch import fetched
from batchcancel.reader.read import read_manifest
from batchcancel.report.restore import RestorePlan, restore_text
from batchcancel.settings import quantities
from batchcancel.settings.load import ApiSettings
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings, Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """What is to be undone, of which batch; `only` is a manifest of some of its rows.

    `rescheduled_too` lets what was rescheduled come back as confirmed, `overbook` restores without
    counting places, `retry_refused` sends once more what an earlier restore was refused.
    """

    ledger: str
    batch: str
    only: Source | None = None
    rescheduled_too: bool = False
    overbook: bool = False
    retry_refused: bool = False

    @property
    def own_batch(self) -> str:
        return f"{self.batch}.restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """The plan, and what carrying it out takes; `rows` are all that it is about."""

    plan: RestorePlan
    rows: Sequence[CancelledRow]
    choice: Choice
    places: Places | None
    budget: Budget
    at: datetime


async def plan(
    settings: ApiSettings,
    undoing: Undoing,
    *,
    stop: Stop,
    observe: Observer,
    around: Surroundings | None = None,
) -> RestorePlan:
    """Decide and count; writes nothing."""
    ids = await _named(undoing.only, stop=stop, observe=observe)
    async with wiring.tools(
        settings, wiring.for_plan, ledger=undoing.ledger, stop=stop, observe=observe, around=around
    ) as tools:
        return (await _plan(settings, undoing, ids, tools=tools, observe=observe)).plan


async def restore(
    settings: ApiSettings,
    undoing: Undoing,
    *,
    stop: Stop,
    observe: Observer,
    confirm: Callable[[RestorePlan], None],
    run_id: str | None = None,
    around: Surroundings | None = None,
) -> Finished:
    """Plan, confirm, restore, as `run` does; before the answer is yes no row is enrolled."""
    began = anyio.current_time()
    ids = await _named(undoing.only, stop=stop, observe=observe)
    async with wiring.tools(
        settings, wiring.for_run, ledger=undoing.ledger, stop=stop, observe=observe, around=around
    ) as tools:
        run = new_run(undoing.own_batch, {}, run_id=run_id, now=tools.clock.now())
        _require_undoing(tools.ledger, undoing, settings)
        tools.ledger.hold(run)
        try:
            planned = await _plan(settings, undoing, ids, tools=tools, observe=observe)
            await stop.checkpoint()
            confirm(planned.plan)
            await _enrol(planned, undoing, settings, tools)
        except BatchcancelError as error:
            await flush(tools)
            close_run(run, error.exit_code, why=error.message, tools=tools)
            raise
        observe(
            RunStarted(eligible=planned.plan.eligible, rate=settings.rate, limiter=tools.limiter)
        )
        await _run_pool(planned, settings, tools=tools, observe=observe)
        return await finished(
            run,
            tools=tools,
            began=began,
            held_back=planned.plan.held_back,
            ledger=redacted_ledger(undoing.ledger),
            restores=True,
        )


async def _named(only: Source | None, *, stop: Stop, observe: Observer) -> set[str] | None:
    if only is None:
        return None
    manifest = read_manifest(await fetched(only, stop=stop, observe=observe))
    manifest.require_clean()
    return {*manifest.ids()}


def _require_undoing(account: LedgerReader, undoing: Undoing, settings: ApiSettings) -> None:
    require_own(batch_named(account, undoing.batch), settings, ledger=undoing.ledger)
    own = [one for one in account.batches() if one.name == undoing.own_batch]
    if own and own[0].of_batch != undoing.batch:
        raise InputError(
            f"the ledger has a batch {undoing.own_batch}, and it is not a restore",
            hint="That name is the restore's own, so nothing can be restored here.",
        )


async def _plan(
    settings: ApiSettings,
    undoing: Undoing,
    ids: set[str] | None,
    *,
    tools: Tools,
    observe: Observer,
) -> _Planned:
    account, own = tools.account or tools.ledger, undoing.own_batch
    _require_undoing(account, undoing, settings)
    settled = {*account.settled_ids(own, but_refused=undoing.retry_refused)}
    opened = {one.appointment_id: one for one in account.open_rows(own)}
    every = {one.appointment_id: one for one in account.cancelled_rows(undoing.batch)}
    rows = [
        row
        for one, row in every.items()
        if one not in settled
        and (one in opened or (not row.is_moved if ids is None else one in ids))
    ]
    at = tools.clock.now()
    budget = Budget.for_rows(len(rows))
    places = None if undoing.overbook else Places(tools.lookup, now=tools.clock.now)
    with tools.stop.raising_reason(), tools.at_right_address():
        candidates, skipped = await _candidates(
            rows, opened, settings, undoing, budget=budget, tools=tools
        )
        choice = await choose(
            candidates,
            now=tools.clock.latest(),
            places=places,
            room=None if settings.limit is None else settings.limit - len(settled) - len(opened),
        )
    choice.skipped |= skipped
    plan = _shown(rows, choice, settings, undoing, settled=len(settled), tools=tools)
    if ids is not None and (foreign := len(ids - every.keys())):
        plan = replace(plan, cautions=[_foreign(foreign, undoing.batch)])
    _tell(plan, observe)
    return _Planned(plan=plan, rows=rows, choice=choice, places=places, budget=budget, at=at)


async def _candidates(
    rows: Sequence[CancelledRow],
    opened: Mapping[str, OpenRow],
    settings: ApiSettings,
    undoing: Undoing,
    *,
    budget: Budget,
    tools: Tools,
) -> tuple[list[Candidate], dict[str, SkipReason]]:
    """Those that the ledger does not speak against, as they are shown now; and why the others."""
    skipped = {
        row.appointment_id: reason
        for row in rows
        if row.appointment_id not in opened
        and (reason := reason_by_ledger(row, rescheduled_too=undoing.rescheduled_too))
    }
    left = [row for row in rows if row.appointment_id not in skipped]
    days = {row.appointment_id: day_of(row, settings) for row in left}
    back = await read_back(
        {one: day for one, day in days.items() if one not in opened},
        lookup=tools.lookup,
        budget=budget,
        halt_after=settings.halt_after,
    )
    zone = await _timezone(settings, tools=tools) if left else None
    starts = Starts(sessions=settings.sessions, lookup=tools.lookup, timezone=zone)
    candidates = []
    for row in left:
        one = row.appointment_id
        candidate = Candidate(row=row, shown=back.shown.get(one), opened=opened.get(one))
        candidates.append(replace(candidate, start=await _start(candidate, starts)))
    return candidates, skipped


async def _timezone(settings: ApiSettings, *, tools: Tools) -> ZoneInfo:
    if settings.timezone is not None:
        return settings.timezone
    config = await tools.lookup.config()
    try:
        return quantities.timezone(config.timezone or "")
    except ValueError:
        raise InputError(
            "the API does not tell the organisation's timezone, and starts need it",
            hint="Pass --timezone, like Asia/Kolkata. Nothing was sent.",
        ) from None


async def _start(one: Candidate, starts: Starts) -> Start | None:
    row, where = one.row, one.where
    if row.starts_at is not None and row.start_known_by == KnownBy.EXACT and not row.is_moved:
        return Start.exact(row.starts_at)
    if where.date is None:
        return None
    return await starts.of_session(where.date, where.session, where.branch_id, where.label)


def _shown(
    rows: Sequence[CancelledRow],
    choice: Choice,
    settings: ApiSettings,
    undoing: Undoing,
    *,
    settled: int,
    tools: Tools,
) -> RestorePlan:
    reasons, work = Counter(choice.skipped.values()), choice.work
    requests = len(work) + sum(one.shown is None for one in work)
    return RestorePlan(
        batch=undoing.own_batch,
        of_batch=undoing.batch,
        origin=settings.origin,
        ledger=redacted_ledger(undoing.ledger),
        rows=len(rows) + settled,
        eligible=len(work),
        settled=settled,
        held_back=choice.held_back,
        open=sum(one.opened is not None for one in work),
        rescheduled=sum(one.row.previous_status == "rescheduled" for one in work),
        skipped={reason: reasons[reason] for reason in SkipReason if reasons[reason]},
        requests=requests,
        seconds=settings.rate.seconds_for(requests + tools.limiter.taken()) if requests else 0.0,
        rate=settings.rate,
    )


def _foreign(rows: int, batch: str) -> Caution:
    return Caution(
        code="not_cancelled_here",
        text=f"{rows:,} rows of the manifest are none that batch {batch} has cancelled and nobody "
        "has restored",
    )


def _tell(plan: RestorePlan, observe: Observer) -> None:
    for caution in plan.cautions:
        observe(caution)
    observe(
        PlanMade(
            text=restore_text(plan),
            rows=plan.rows,
            eligible=plan.eligible,
            settled=plan.settled,
            skipped={str(reason): rows for reason, rows in plan.skipped.items()},
            rejected=(),
            will_miss=0,
            seconds=plan.seconds,
        )
    )


async def _enrol(planned: _Planned, undoing: Undoing, settings: ApiSettings, tools: Tools) -> None:
    ledger, own = tools.ledger, undoing.own_batch
    digest = hashlib.sha256("\n".join(row.appointment_id for row in planned.rows).encode())
    batch = Batch(
        name=own,
        origin=settings.origin,
        digest=digest.hexdigest(),
        rows=len(planned.rows),
        rejected_rows=0,
        duplicates=0,
        kind="restore",
        of_batch=undoing.batch,
    )
    await tools.writer.durable()  # the ledger is used by one thread at a time, not by two
    ledger.enrol(batch, map(_ledger_row, planned.rows), [])
    if undoing.retry_refused:
        ledger.reopen_refused(own)
    skipped = planned.choice.skipped.items()
    ledger.decide(own, [(one, Outcome(OutcomeName.SKIPPED, reason)) for one, reason in skipped])


def _ledger_row(row: CancelledRow) -> LedgerRow:
    return LedgerRow(
        appointment_id=row.appointment_id,
        starts_at=row.starts_at,
        date=row.date,
        session=row.session,
        branch_id=row.branch_id,
        start_known_by=row.start_known_by,
    )


async def _run_pool(
    planned: _Planned, settings: ApiSettings, *, tools: Tools, observe: Observer
) -> None:
    work, now = planned.choice.work, tools.clock.now
    pages = Counter(one.shown.page for one in work if one.shown and one.shown.page)
    means = Means(
        exchange=tools.exchange,
        retry=tools.retry,
        policy=UNTIL_START,
        starts=Starts(sessions={}, lookup=tools.lookup, timezone=None),
        writer=tools.writer,
        fresh=Fresh(pages, lookup=tools.lookup, now=now, budget=planned.budget),
    )
    pool = Pool(
        tools.writer, stop=tools.stop, now=now, observe=observe, halt_after=settings.halt_after
    )
    settlements = (Restoration(one, means, places=planned.places, at=planned.at) for one in work)
    await pool.settle_all(settlements, workers=min(settings.concurrency, len(work)))

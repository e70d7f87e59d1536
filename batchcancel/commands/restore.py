"""The restore command: plan, confirm, put back what a batch cancelled; run it again to resume."""

import hashlib
import shlex
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import anyio

from batchcancel import wiring
from batchcancel.addresses import Source, redacted_ledger
from batchcancel.appointments import KnownBy, Outcome, OutcomeName, SkipReason, Start
from batchcancel.commands.plan import agree_on_time
from batchcancel.commands.resolve import ids_in
from batchcancel.commands.run import Finished, finished, holding, new_run
from batchcancel.commands.verify import require_own
from batchcancel.commands.work import settle_all
from batchcancel.errors import InputError
from batchcancel.events import Caution, Observer, PlanMade, RunStarted
from batchcancel.ledger.contract import Batch, LedgerRow
from batchcancel.policy.back import read_back
from batchcancel.policy.fresh import Fresh
from batchcancel.policy.pages import Budget
from batchcancel.policy.places import Places
from batchcancel.policy.restoring import UNTIL_START, Candidate, Choice, choose, reason_by_ledger
from batchcancel.policy.starts import Starts
from batchcancel.pool.cancel import Means
from batchcancel.pool.restore import Restoration
from batchcancel.report.restore import Coming, restore_text
from batchcancel.report.status import day_of, zone_of
from batchcancel.report.tables import many
from batchcancel.settings import quantities
from batchcancel.settings.load import ApiSettings
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings, Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """What is to be undone, of which batch; `ids`, or a manifest, `only`, name some of its rows.

    `rescheduled_too` lets what was rescheduled come back as confirmed, `overbook` restores without
    counting places, `retry_refused` sends once more what an earlier restore was refused.
    """

    ledger: str
    batch: str
    only: Source | None = None
    ids: tuple[str, ...] = ()
    rescheduled_too: bool = False
    overbook: bool = False
    retry_refused: bool = False

    @property
    def own_batch(self) -> str:
        return f"{self.batch}.restore"

    @property
    def typed(self) -> str:
        """Its own options, to be typed again."""
        names = ("rescheduled_too", "overbook", "retry_refused")
        flags = [f"--{name.replace('_', '-')}" for name in names if getattr(self, name)]
        ids = ["--"] * any(one.startswith("-") for one in self.ids) + [*self.ids]
        return shlex.join(flags + (["--only", self.only.absolute()] if self.only else ids))


async def plan(
    settings: ApiSettings, undoing: Undoing, *, stop: Stop, observe: Observer,
    around: Surroundings | None = None,
) -> PlanMade:  # fmt: skip
    """Decide and count; writes nothing."""
    ids = await _named(undoing, stop=stop, observe=observe)
    async with wiring.tools(
        settings, wiring.for_plan, ledger=undoing.ledger, stop=stop, observe=observe, around=around
    ) as tools:
        return await _Restore(settings, undoing, tools).plan(ids, observe, lambda: None)


async def restore(
    settings: ApiSettings, undoing: Undoing, *, stop: Stop, observe: Observer,
    confirm: Callable[[PlanMade], Awaitable[None] | None], run_id: str | None = None,
    around: Surroundings | None = None, before: Callable[[], None] = lambda: None,
) -> Finished:  # fmt: skip
    """Plan, confirm, restore, as `run` does; before the answer is yes no row is enrolled."""
    began = anyio.current_time()
    ids = await _named(undoing, stop=stop, observe=observe)
    async with wiring.tools(
        settings, wiring.for_run, ledger=undoing.ledger, stop=stop, observe=observe, around=around
    ) as tools:
        one = _Restore(settings, undoing, tools)
        told = settings.recorded() | {"how": undoing.typed}
        run = new_run(undoing.own_batch, told, run_id=run_id, now=tools.clock.now())
        async with holding(run, tools=tools):
            planned = await one.plan(ids, observe, before)
            await stop.checkpoint()
            if (answer := confirm(planned)) is not None:
                await answer
            await one.enrol()
        observe(
            RunStarted(
                eligible=planned.facts["eligible"], rate=settings.rate, limiter=tools.limiter
            )
        )
        await one.put_back(observe)
        return await finished(
            run, tools=tools, began=began, held_back=planned.facts["held_back"], restores=True,
            left_out=planned.facts["unknown"],
            ledger=planned.facts["ledger"],
        )  # fmt: skip


async def _named(undoing: Undoing, *, stop: Stop, observe: Observer) -> set[str] | None:
    if undoing.only is None:
        return {*undoing.ids} or None
    return {*await ids_in(undoing.only, stop=stop, observe=observe)}


class _Restore:
    """One restore, from what the ledger knows to what the API answers."""

    def __init__(self, settings: ApiSettings, undoing: Undoing, tools: Tools) -> None:
        self._settings, self._undoing, self._tools = settings, undoing, tools
        self._account = tools.account or tools.ledger
        require_own(self._account, undoing.batch, settings, ledger=undoing.ledger)
        if any(
            one.name == undoing.own_batch and one.of_batch != undoing.batch
            for one in self._account.batches()
        ):
            raise InputError(
                f"the ledger has a batch {undoing.own_batch}, and it is not a restore",
                hint="That name is the restore's own, so nothing can be restored here.",
            )
        self._places = None if undoing.overbook else Places(tools.lookup, now=tools.clock.now)
        self._at = tools.clock.now()
        self._zone = settings.timezone or zone_of(self._account.batch(undoing.batch))

    async def plan(
        self, ids: set[str] | None, observe: Observer, before: Callable[[], None]
    ) -> PlanMade:
        """Decide on what the batch cancelled: all of it, or the rows of these ids.

        `before` is called before the API is asked, where there is something to decide.
        """
        account, undoing, limit = self._account, self._undoing, self._settings.limit
        settled = account.settled_ids(undoing.own_batch, but_refused=undoing.retry_refused)
        opened = {one.appointment_id: one for one in account.open_rows(undoing.own_batch)}
        rows = {one.appointment_id: one for one in account.cancelled_rows(undoing.batch)}
        back = {one.appointment_id for one in account.restored_rows(undoing.batch)}
        done, unknown = {*settled}, 0
        if ids is not None:
            done, unknown = done & ids, len(ids - rows.keys() - done - back)
        stay = len(rows)
        for one in {*settled} & rows.keys():
            del rows[one]
        self._rows = [
            row
            for one, row in rows.items()
            if one in opened or (not row.is_moved if ids is None else one in ids)
        ]
        candidates = [
            Candidate(row=row, opened=opened.get(row.appointment_id)) for row in self._rows
        ]
        room = None if limit is None else limit - len(settled) - len(opened)
        with self._tools.stop.raising_reason(), self._tools.at_right_address():
            self._choice = await self._chosen(candidates, room, before)
        facts = self._facts(settled=len(done), unknown=unknown)
        facts |= {"restored": len(done & back), "others": stay - len(self._choice.work)}
        text = restore_text(facts, self._settings.rate, self._coming())
        plan = PlanMade(text=text, facts=facts)
        observe(plan)
        if unknown:
            text = f"{many(unknown, 'row')} of those named: not cancelled by batch {undoing.batch}"
            observe(Caution("not_cancelled_here", f"{text}, and left as they are"))
        return plan

    def _coming(self) -> list[Coming]:
        return [
            Coming(
                one.row.appointment_id,
                one.where.date or day_of(one.row, self._zone),
                one.where.session,
            )
            for one in self._choice.work
        ]

    async def _chosen(
        self, candidates: list[Candidate], room: int | None, before: Callable[[], None]
    ) -> Choice:
        settings, lookup, clock = self._settings, self._tools.lookup, self._tools.clock
        skipped = {
            one.row.appointment_id: reason
            for one in candidates
            if one.opened is None
            and (reason := reason_by_ledger(one.row, rescheduled_too=self._undoing.rescheduled_too))
        }
        left = [one for one in candidates if one.row.appointment_id not in skipped]
        if left:
            before()
        self._budget = Budget.for_rows(len(left))
        days = {
            one.row.appointment_id: day_of(one.row, self._zone)
            for one in left
            if one.opened is None
        }
        back = await read_back(
            days, lookup=lookup, now=clock.now, budget=self._budget, halt_after=settings.halt_after
        )
        zone = await self._timezone() if left else None
        starts = Starts(sessions=settings.sessions, lookup=lookup, timezone=zone)
        seen = [replace(one, shown=back.shown.get(one.row.appointment_id)) for one in left]
        known = [replace(one, start=await _start(one, starts)) for one in seen]
        await agree_on_time(self._tools)
        choice = await choose(known, now=clock.latest(), places=self._places, room=room)
        choice.skipped |= skipped
        return choice

    async def _timezone(self) -> ZoneInfo:
        if self._settings.timezone is not None:
            return self._settings.timezone
        config = await self._tools.lookup.config()
        try:
            return quantities.timezone(config.timezone or "")
        except ValueError:
            raise InputError(
                "the API does not tell the organisation's timezone, and starts need it",
                hint="Pass --timezone, like Asia/Kolkata. Nothing was sent.",
            ) from None

    def _facts(self, *, settled: int, unknown: int) -> dict[str, Any]:
        choice, rate, undoing = self._choice, self._settings.rate, self._undoing
        reasons, work = Counter(choice.skipped.values()), choice.work
        requests = len(work) + sum(one.shown is None for one in work)
        taken = self._tools.limiter.taken()
        return {
            "batch": undoing.own_batch,
            "of_batch": undoing.batch,
            "origin": self._settings.origin,
            "rehearsal": self._settings.is_rehearsal,
            "ledger": redacted_ledger(undoing.ledger),
            "rows": len(self._rows) + settled,
            "eligible": len(work),
            "settled": settled,
            "held_back": choice.held_back,
            "open": sum(one.opened is not None for one in work),
            "rescheduled": sum(one.row.previous_status == "rescheduled" for one in work),
            "unknown": unknown,
            "skipped": {str(why): reasons[why] for why in SkipReason if reasons[why]},
            "requests": requests,
            "seconds": rate.seconds_for(requests + taken) if requests else 0.0,
        }

    async def enrol(self) -> None:
        """Let the rows join the restore's own batch, with the reasons of those left alone."""
        ledger, own = self._tools.ledger, self._undoing.own_batch
        ids = "\n".join(row.appointment_id for row in self._rows)
        batch = Batch(
            name=own, origin=self._settings.origin, digest=hashlib.sha256(ids.encode()).hexdigest(),
            rows=len(self._rows), rejected_rows=0, duplicates=0, kind="restore",
            of_batch=self._undoing.batch, timezone=ledger.batch(self._undoing.batch).timezone,
        )  # fmt: skip
        rows = (
            LedgerRow(
                row.appointment_id, row.starts_at, row.date, row.session, row.branch_id,
                start_known_by=row.start_known_by,
            )
            for row in self._rows
        )  # fmt: skip
        await self._tools.writer.durable()  # the ledger is used by one thread at a time
        ledger.enrol(batch, rows, [])
        if self._undoing.retry_refused:
            ledger.reopen_refused(own)
        skipped = self._choice.skipped.items()
        ledger.decide(own, [(one, Outcome(OutcomeName.SKIPPED, reason)) for one, reason in skipped])

    async def put_back(self, observe: Observer) -> None:
        tools, work, now = self._tools, self._choice.work, self._tools.clock.now
        pages = Counter(one.shown.page for one in work if one.shown and one.shown.page)
        means = Means(
            exchange=tools.exchange, retry=tools.retry, policy=UNTIL_START, writer=tools.writer,
            starts=Starts(sessions={}, lookup=tools.lookup, timezone=None),
            fresh=Fresh(pages, lookup=tools.lookup, now=now, budget=self._budget),
        )  # fmt: skip
        ways = (Restoration(one, means, places=self._places, at=self._at) for one in work)
        await settle_all(ways, len(work), self._settings, tools=tools, observe=observe)


async def _start(one: Candidate, starts: Starts) -> Start | None:
    row, where = one.row, one.where
    if row.starts_at is not None and row.start_known_by == KnownBy.EXACT and not row.is_moved:
        return Start.exact(row.starts_at)
    if where.date is None:
        return None
    return await starts.of_session(where.date, where.session, where.branch_id, where.label)

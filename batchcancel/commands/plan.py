"""The plan command, a dry run: a decision on every row of a manifest, and no write."""

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from batchcancel import wiring
from batchcancel.api import OrgConfig
from batchcancel.appointments import SkipReason
from batchcancel.commands.approval import approval_of, refuse_unapproved
from batchcancel.errors import BatchHeld, ExitCode, ScopeMissing
from batchcancel.events import Caution, Observer, RateWindowFull
from batchcancel.ledger.contract import Batch, LedgerRow
from batchcancel.policy.earlier_runs import (
    EarlierRuns,
    batch_of,
    earlier_runs,
    is_nothing_left,
    refuse_other_work,
    with_doubts,
)
from batchcancel.policy.observed import Observed
from batchcancel.policy.observing import observed_of
from batchcancel.policy.open_windows import (
    NOT_LOOKED,
    OpenWindows,
    open_windows,
    read_windows,
    refuse_open,
    spots_of,
)
from batchcancel.policy.pace import Pace
from batchcancel.policy.plan import (
    Plan,
    Planned,
    make_plan,
    refuse_above_cap,
    refuse_if_mostly_moved,
)
from batchcancel.policy.rules import NOTHING_TO_DECIDE, Rules, clock_cautions, rules_in_force
from batchcancel.policy.starts import Starts
from batchcancel.reader.columns import Asked
from batchcancel.reader.fetch import fetched
from batchcancel.reader.manifest import Manifest
from batchcancel.reader.read import read_manifest, require_polars
from batchcancel.report.plan import plan_made
from batchcancel.report.status import zone_of
from batchcancel.settings.load import Settings
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings, Tools

_LATE = {SkipReason.NOTICE_WINDOW, SkipReason.ALREADY_STARTED}
_MORE_TIMES = 2
_SHOWN_BRANCHES = 5


async def ask_config(
    settings: Settings, *, stop: Stop, around: Surroundings | None = None
) -> OrgConfig:
    """Ask the API for the organisation's settings, and nothing else."""
    async with wiring.tools(settings, wiring.in_memory, stop=stop, around=around) as tools:
        return await tools.lookup.config()


async def plan(
    settings: Settings, *, stop: Stop, observe: Observer, around: Surroundings | None = None
) -> Planned:
    """Decide, count and estimate."""
    # Before the ledger is opened: an unreadable manifest must leave no ledger behind.
    manifest = await load_manifest(settings, stop=stop, observe=observe)
    async with wiring.tools(
        settings, wiring.for_plan, ledger=settings.ledger, stop=stop, observe=observe, around=around
    ) as tools:
        tools.ledger.look_back(settings.batch)  # a run does so when it takes the batch
        return await plan_batch(manifest, settings, tools=tools, observe=observe)


def refuse_place(settings: Settings) -> None:
    """Raise what a run would be refused with for its ledger; one that is held is no such thing."""
    with suppress(BatchHeld):
        ledger, _ = wiring.for_run(settings.ledger, settings, None)
        ledger.close()


def refuse(planned: Planned, settings: Settings) -> None:
    """Raise what a run with this plan would be refused with."""
    refuse_unapproved(settings.approved, planned.approval)
    refuse_if_mostly_moved(planned)
    refuse_above_cap(planned.plan, settings.max_cancel)
    if settings.require_closed:
        refuse_open(planned.windows)


def ends_with(planned: Planned, settings: Settings) -> int:
    """The exit code of a plan that nothing refuses; a run with it would end with the same."""
    if _is_too_long(planned.plan, settings):
        return ExitCode.STOPPED_EARLY
    marked = planned.plan.skipped.get(SkipReason.MARKED_DONE, 0)
    return ExitCode.INCOMPLETE if 0 < planned.plan.rows == marked else ExitCode.DONE


def manifest_rows(manifest: str, timezone: ZoneInfo) -> Iterator[LedgerRow]:
    """The appointments in the manifest at a path, for a rehearsal with it."""
    return read_manifest(manifest).in_timezone(timezone).ledger_rows()


async def load_manifest(settings: Settings, *, stop: Stop, observe: Observer) -> Manifest:
    """Fetch and parse the manifest; raises `InputError` for rejected rows unless allowed."""
    require_polars()
    readable = await fetched(settings.manifest, stop=stop, observe=observe)
    asked = Asked(settings.ignore_column, settings.column, settings.date_format)
    manifest = replace(read_manifest(readable, asked=asked), source=str(settings.manifest))
    if not settings.allow_rejected_rows:
        manifest.require_clean()
    return manifest.with_refused_undone() if settings.retry_refused else manifest


async def agree_on_time(tools: Tools) -> None:
    """Where answers contradict each other, let another one overrule the one that was wrong."""
    for _ in range(_MORE_TIMES):
        if tools.clock.is_disputed:
            with suppress(ScopeMissing):
                await tools.lookup.config()


async def plan_batch(
    manifest: Manifest, settings: Settings, *, tools: Tools, observe: Observer,
    before: Callable[[], None] = lambda: None,
) -> Planned:  # fmt: skip
    """Compare with earlier runs, ask the API for rules and starts, and decide on every row.

    `before` is called before the API is asked, where there is something to decide.
    """
    earlier = earlier_runs(tools.account, settings.batch, but_refused=settings.retry_refused)
    if (back := tools.ledger.went_back) is not None:
        earlier = with_doubts(earlier, manifest.ids(), since=back.since)
    planning = _Planning(settings, tools, earlier)
    planning.refuse_other_work(manifest, settings.timezone)
    if not is_nothing_left(manifest, earlier):
        before()
    _explain_wait(settings, tools=tools, observe=observe)
    with tools.stop.raising_reason(), tools.at_right_address():
        rules, manifest, observed = await planning.observed(manifest)
        windows = await planning.windows(manifest, observed, rules)
        await agree_on_time(tools)
    planned = planning.decided(manifest, observed, rules, windows)
    for caution in planned.rules.cautions:
        observe(caution)
    observe(plan_made(planned, ledger=settings.redacted_ledger))
    return planned


def _explain_wait(settings: Settings, *, tools: Tools, observe: Observer) -> None:
    seconds, closed = tools.limiter.wait(), tools.limiter.closed()
    if seconds > 1 and closed <= settings.max_retry_after:  # shorter waits need no explanation
        observe(RateWindowFull(seconds=seconds, is_closed=closed > 0))


class _Planning:
    """One plan, from what earlier runs left to the decisions."""

    def __init__(self, settings: Settings, tools: Tools, earlier: EarlierRuns) -> None:
        self._settings, self._tools, self._earlier = settings, tools, earlier

    def _batch(self, manifest: Manifest) -> Batch:
        return batch_of(manifest, name=self._settings.batch, origin=self._settings.origin)

    def refuse_other_work(self, manifest: Manifest, timezone: ZoneInfo | None) -> None:
        settings = self._settings
        refuse_other_work(
            self._tools.account, self._batch(manifest), manifest, ledger=settings.redacted_ledger,
            timezone=timezone, is_accepted=settings.accept_changed_manifest,
            but_refused=settings.retry_refused,
        )  # fmt: skip

    async def observed(self, manifest: Manifest) -> tuple[Rules, Manifest, Observed]:
        """The rules, the manifest with every start that it gives itself, and what was observed.

        Starts that an earlier run looked up are asked anew: staff may have moved the appointment.
        """
        settings, tools, earlier = self._settings, self._tools, self._earlier
        tools.ledger.require_room_for((settings.batch, *manifest.texts()))
        # Nothing to decide costs no request, so a finished batch can be run again without the API.
        if is_nothing_left(manifest, earlier):
            rules = replace(NOTHING_TO_DECIDE, cautions=manifest.cautions)
            return rules, manifest, Observed()
        rules = await rules_in_force(
            tools.lookup, manifest=manifest, notice_hours=settings.notice_hours,
            timezone=settings.timezone,
        )  # fmt: skip
        zone, needed = rules.timezone, rules.policy.needs_start
        starts = Starts(
            sessions=settings.sessions, lookup=tools.lookup, timezone=zone, needed=needed
        )
        if zone is not None:
            if settings.timezone is None:  # only now is it known where times without offset belong
                self.refuse_other_work(manifest, zone)
            manifest = manifest.in_timezone(zone)
            if not settings.allow_rejected_rows:
                manifest.require_clean()  # once more: only now are skipped local times known
            sessions = {one: await starts.of_session(*one) for one in manifest.sessions_wanted()}
            manifest = manifest.with_session_starts(sessions)
        observed = await observed_of(
            manifest, earlier, rules=rules, lookup=tools.lookup, starts=starts, clock=tools.clock,
            statuses=settings.status, halt_after=settings.halt_after,
            approved_at=settings.approved.left_at if settings.approved else None,
        )  # fmt: skip
        tools.require_right_address()
        told = clock_cautions(is_known=tools.clock.is_known, ahead=tools.clock.ahead)
        cautions = (*told, *manifest.cautions, *observed.cautions, *starts.cautions())
        return replace(rules, cautions=(*rules.cautions, *cautions)), manifest, observed

    async def windows(self, manifest: Manifest, observed: Observed, rules: Rules) -> OpenWindows:
        """Those that are open; where nothing is left, only when they are required to be closed."""
        settings, account = self._settings, self._tools.account
        if not (rules.is_asked or settings.require_closed):
            return NOT_LOOKED
        batches = () if account is None else account.batches()
        kept = next((zone_of(one) for one in batches if one.name == settings.batch), None)
        settled = () if account is None else account.settled_places(settings.batch)
        zone = rules.timezone or settings.timezone or kept
        spots = [*spots_of(manifest, observed, self._earlier, settled=settled, timezone=zone)]
        budget = None if settings.require_closed else observed.budget
        return open_windows(spots, await read_windows(spots, self._tools.lookup, budget))

    def decided(
        self, manifest: Manifest, observed: Observed, rules: Rules, windows: OpenWindows
    ) -> Planned:
        """The plan for every row, and the approval that is for it alone."""
        settings, tools = self._settings, self._tools
        at = tools.clock.latest()
        plan = make_plan(
            manifest, policy=rules.policy, earlier=self._earlier, limit=settings.limit,
            pace=self._pace(observed, at), observed=observed,
            approved=settings.approved.number if settings.approved else None,
        )  # fmt: skip
        if not _LATE.isdisjoint(plan.skipped):
            tools.clock.require_undisputed()
        cautions = (*rules.cautions, *self._of_branches(observed), *self._of_the_run(plan))
        return Planned(
            plan=plan,
            approval=approval_of(plan, observed, manifest=manifest, rules=rules, settings=settings),
            # Made again: local times that the clocks skip may have been rejected since.
            batch=self._batch(manifest), manifest=manifest,
            rules=replace(rules, cautions=cautions), rate=settings.rate, limit=settings.limit,
            observed=observed, at=at, windows=windows,
            branches={one: name for name, one in settings.branches.items()},
            restored=self._restored(manifest) if plan.settled else 0,
        )  # fmt: skip

    def _pace(self, observed: Observed, at: datetime) -> Pace:
        pages = {day: 1 if one.is_shuffled else one.pages for day, one in observed.days.items()}
        taken, left = self._tools.limiter.taken(), observed.budget.left
        return Pace(now=at, rate=self._settings.rate, taken=taken, pages=pages, budget=left)

    def _restored(self, manifest: Manifest) -> int:
        """How many of its rows a restore put back."""
        account = self._tools.account
        rows = () if account is None else account.restored_rows(self._settings.batch)
        return len(
            {one.appointment_id for one in rows}.intersection(manifest.ids() if rows else ())
        )

    def _of_branches(self, observed: Observed) -> Iterator[Caution]:
        """Tell of ids in the job file that the API shows nowhere, while it shows others."""
        shown = {*observed.seen.get_column("observed_branch")}
        shown |= {one.branch_id for day in self._tools.lookup.listed.values() for one in day or ()}
        there_are = sorted(filter(None, shown))
        named = self._settings.branches.items()
        others = [f"{name} ({one})" for name, one in named if one not in shown]
        if there_are and others:
            yield Caution(
                "branches_not_shown",
                f"[branches] in the job file: the API shows no {', '.join(others)} on these days; "
                f"its branches are {', '.join(there_are[:_SHOWN_BRANCHES])}",
            )

    def _of_the_run(self, plan: Plan) -> Iterator[Caution]:
        """Tell what ends the run before its rows end, and a pace that the API does not allow."""
        settings, tools = self._settings, self._tools
        if (back := tools.ledger.went_back) is not None:
            many = "its last commits"
            many = many if back.commits is None else f"its last {back.commits:,} commits"
            yield Caution(
                "ledger_went_back",
                f"the ledger lost {many} (failover, restore), or may have: what may have been sent "
                f"since {back.since:%Y-%m-%d %H:%M:%S} UTC is read back before it is sent, and "
                "what somebody touched since then is left for a person",
            )
        left = (settings.max_requests or math.inf) - tools.exchange.requests
        early = "the run will stop early, and the same command goes on"
        if plan.requests > left:
            yield Caution(
                "max_requests",
                f"the plan needs {plan.requests:,} requests, and --max-requests "
                f"{settings.max_requests:,} leaves {max(left, 0):,.0f} for them: {early}",
            )
        if _is_too_long(plan, settings):
            yield Caution(
                "max_duration",
                f"the plan needs {plan.seconds:,.0f} s, and --max-duration allows "
                f"{settings.max_duration:,.0f} s: {early}",
            )
        if settings.rate.is_above_documented and not settings.is_rehearsal:
            yield Caution(
                "rate_above",
                f"--rate {settings.rate} is more than the 60 requests a minute that HuskyVoice "
                "allows: it will refuse requests, also those of other programs with this key",
            )


def _is_too_long(plan: Plan, settings: Settings) -> bool:
    return settings.max_duration is not None and plan.seconds > settings.max_duration

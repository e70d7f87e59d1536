"""What is left of a run when its plan is made, or a slice of it is over, and settling it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from batchcancel.api import Window
from batchcancel.appointments import Appointment
from batchcancel.events import Observer
from batchcancel.policy.fresh import NOTHING_READ, Fresh, Read, read_of
from batchcancel.policy.notice import NoticePolicy
from batchcancel.policy.pages import Budget
from batchcancel.policy.plan import Planned
from batchcancel.policy.starts import Starts
from batchcancel.pool.cancel import NOT_BEGUN, Begun, Cancellation, Means
from batchcancel.pool.workers import UNBROKEN, Pool, Streak
from batchcancel.settings.load import ApiSettings, Settings
from batchcancel.wiring import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """So many rows to settle in their order, and all that a run knows of them by then.

    `pages` counts them by the day whose pages show them; `budget` is left for reading pages anew.
    """

    rows: Iterable[tuple[Appointment, Begun]] = field(repr=False)
    count: int
    pages: Mapping[date, int]
    notice: timedelta
    timezone: str | None
    approved_at: datetime | None
    budget: int
    shuffled: Sequence[date]
    held_back: int
    duplicates: int
    selection: str | None
    windows: Mapping[date, Sequence[Window] | None] = field(default_factory=dict)
    read: Read = NOTHING_READ
    streak: Streak = UNBROKEN


def planned_work(planned: Planned) -> Work:
    """The work that a plan shows."""
    plan, rules, observed = planned.plan, planned.rules, planned.observed
    return Work(
        rows=((one, NOT_BEGUN) for one in plan.appointments()),
        count=plan.eligible,
        pages=plan.pages(),
        notice=rules.policy.notice,
        timezone=None if rules.timezone is None else str(rules.timezone),
        approved_at=observed.approved_at,
        budget=observed.budget.left,
        shuffled=[day for day, one in observed.days.items() if one.is_shuffled],
        held_back=plan.held_back,
        duplicates=planned.batch.duplicates,
        selection=planned.manifest.selection,
        read=read_of(observed.records(plan.perhaps_sent())),
    )


async def settle(work: Work, settings: Settings, *, tools: Tools, observe: Observer) -> Work:
    """Let workers settle the rows, until none is left or the run is to stop; tells what is left.

    That can be gone on with only where a full window was what stopped it.
    """
    tools.lookup.listed.update(work.windows)
    policy, budget = NoticePolicy(notice=work.notice), Budget(work.budget)
    zone = None if work.timezone is None else ZoneInfo(work.timezone)
    fresh = Fresh(
        work.pages, lookup=tools.lookup, now=tools.clock.now, budget=budget,
        shuffled=work.shuffled, read=work.read,
    )  # fmt: skip
    means = Means(
        exchange=tools.exchange, retry=tools.retry, policy=policy,
        starts=Starts(
            sessions=settings.sessions, lookup=tools.lookup, timezone=zone,
            needed=policy.needs_start,
        ),
        writer=tools.writer, statuses=settings.status, fresh=fresh, approved_at=work.approved_at,
    )  # fmt: skip
    notes, rows = settings.notes, iter(work.rows)
    ways = (
        Cancellation(replace(one, notes=one.notes or notes) if notes else one, means, begun)
        for one, begun in rows
    )
    pool = await settle_all(
        ways, work.count, settings, tools=tools, observe=observe, streak=work.streak
    )
    left = [*(one.left() for one in pool.begun), *rows] if pool.begun else []
    turns = (one.page for one, begun in left if begun.needs_read is None)
    return replace(
        work, rows=left, count=len(left), pages=Counter(day for day in turns if day is not None),
        budget=budget.left, windows=tools.lookup.listed,
        read=fresh.read([one.appointment_id for one, _ in left]), streak=pool.streak(),
    )  # fmt: skip


async def settle_all(
    ways: Iterator[Cancellation], rows: int, settings: ApiSettings, *, tools: Tools,
    observe: Observer, streak: Streak = UNBROKEN,
) -> Pool:  # fmt: skip
    """Let workers settle each of so many rows, until the run is to stop."""
    pool = Pool(
        tools.writer, stop=tools.stop, now=tools.clock.now, observe=observe,
        halt_after=settings.halt_after, streak=streak,
    )  # fmt: skip
    await pool.settle_all(ways, workers=min(settings.concurrency, rows))
    return pool

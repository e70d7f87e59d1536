"""From a manifest to a plan: rules, start times, and what the ledger knows already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from batchcancel.api import Limiter, Lookup
from batchcancel.errors import Refusal
from batchcancel.exchange import Now
from batchcancel.ledger import Batch, LedgerReader
from batchcancel.look_ahead import look_ahead
from batchcancel.manifest import Manifest
from batchcancel.plan import Plan, Standing, depends_on_clock, make_plan
from batchcancel.resume import (
    batch_of,
    known_batch,
    refuse_changed_manifest,
    refuse_other_origin,
    standing_of,
)
from batchcancel.rules import NOTHING_TO_DECIDE, Rules, clock_difference, rules_in_force
from batchcancel.settings import Settings
from batchcancel.starts import Starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, and what it was made from."""

    plan: Plan
    batch: Batch
    manifest: Manifest
    rules: Rules
    learned: Sequence[tuple[str, datetime]]
    at: datetime


class PlanObserver(Protocol):
    """Who is told what was noticed while planning."""

    def clock_differs(self, difference: timedelta) -> None: ...

    def waits(self, seconds: float) -> None: ...


async def plan_batch(
    manifest: Manifest,
    settings: Settings,
    *,
    account: LedgerReader | None,
    lookup: Lookup,
    limiter: Limiter,
    now: Now,
    observer: PlanObserver,
) -> Planned:
    """Settle what is known of the batch, ask what has to be asked, and decide on every row."""
    batch = batch_of(manifest, settings)
    known = known_batch(account, settings.batch)
    if known is not None and account is not None:
        refuse_other_origin(known, batch, settings)
        refuse_changed_manifest(
            account,
            known=known,
            batch=batch,
            manifest=manifest,
            is_accepted=settings.accept_changed_manifest,
        )
    standing = standing_of(account, settings)
    if (seconds := limiter.wait()) > 1:
        observer.waits(seconds)
    rules, manifest, learned = await _asked(manifest, settings, standing, lookup=lookup, now=now)
    at = now()
    _check_clock(manifest, rules, standing, now=at, observer=observer)
    plan = make_plan(
        manifest.with_known_starts(learned),
        policy=rules.policy,
        now=at,
        rate=settings.rate,
        standing=standing,
        limit=settings.limit,
        taken=limiter.taken(),
    )
    batch = batch_of(manifest, settings)
    return Planned(plan=plan, batch=batch, manifest=manifest, rules=rules, learned=learned, at=at)


async def _asked(
    manifest: Manifest, settings: Settings, standing: Standing, *, lookup: Lookup, now: Now
) -> tuple[Rules, Manifest, list[tuple[str, datetime]]]:
    """The rules, the manifest with the starts it tells, and those that few requests can tell.

    What was learned in an earlier run is asked anew: staff may have moved the appointment.
    """
    settled = set(standing.settled_ids)
    if settled.issuperset(manifest.ids()):
        return NOTHING_TO_DECIDE, manifest, []
    rules = await rules_in_force(settings, lookup=lookup, manifest=manifest, now=now)
    if rules.timezone is None:
        return rules, manifest, []
    starts = Starts(sessions=settings.sessions, lookup=lookup, timezone=rules.timezone)
    manifest = await _with_starts(manifest, settings, starts=starts, timezone=rules.timezone)
    if not rules.policy.needs_start:
        return rules, manifest, []
    unknown = [one for one in manifest.unknown_starts() if one not in settled]
    learned = await look_ahead(unknown, lookup=lookup, starts=starts)
    return rules, manifest, learned


async def _with_starts(
    manifest: Manifest, settings: Settings, *, starts: Starts, timezone: ZoneInfo
) -> Manifest:
    """Every start time the manifest and the calendar can give, in UTC."""
    manifest = manifest.in_timezone(timezone)
    if not settings.allow_rejected_rows:
        manifest.require_clean()
    found = {wanted: await starts.local(*wanted) for wanted in manifest.sessions_wanted()}
    return manifest.with_session_starts(found, timezone)


def _check_clock(
    manifest: Manifest, rules: Rules, standing: Standing, *, now: datetime, observer: PlanObserver
) -> None:
    difference = clock_difference(rules)
    if difference is None:
        return
    observer.clock_differs(difference)
    rows = depends_on_clock(
        manifest, policy=rules.policy, standing=standing, ours=now, theirs=now + difference
    )
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

"""The rules in force: what the API says of the organisation, and what the operator overrides."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from batchcancel.api import Lookup, OrgConfig
from batchcancel.clock import Now
from batchcancel.errors import InputError, Refusal, ScopeMissing
from batchcancel.policy.notice import NoticePolicy
from batchcancel.reader.manifest import Manifest
from batchcancel.settings import quantities


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The policy, the clinic's timezone (None when nothing needs it), and how far the server's
    clock is ahead (None when it did not say).
    """

    policy: NoticePolicy
    timezone: ZoneInfo | None
    clock_ahead: timedelta | None


NOTHING_TO_DECIDE = Rules(policy=NoticePolicy(notice=timedelta(0)), timezone=None, clock_ahead=None)
"""For a batch whose rows are all settled: the API need not be asked."""


async def rules_in_force(
    lookup: Lookup,
    *,
    manifest: Manifest,
    now: Now,
    notice_hours: float | None,
    timezone: ZoneInfo | None,
) -> Rules:
    """Ask for the organisation's settings; `notice_hours` and `timezone` win where given.

    Raises `Refusal` when the organisation does not allow cancelling, `InputError` when a rule is
    neither told by the API nor given, `ScopeMissing` when it may not be asked and is not given.
    """
    try:
        config = await lookup.config()
    except ScopeMissing:
        # A key that may only write can be used, as long as the operator gives what it cannot read.
        if notice_hours is None:
            raise
        config = OrgConfig(allow_cancellation=None, notice_hours=None, timezone=None)
        if timezone is None and _needs_timezone(manifest, notice_hours):
            raise
    if config.allow_cancellation is False:
        raise Refusal(
            "the organisation does not allow cancelling (allow_cancellation is false)",
            hint="Allow it in HuskyVoice's booking rules, then run the same command again. "
            "Nothing was sent.",
        )
    hours = _notice_hours(notice_hours, config)
    return Rules(
        policy=NoticePolicy(notice=timedelta(hours=hours)),
        timezone=_timezone(timezone, config, is_needed=_needs_timezone(manifest, hours)),
        clock_ahead=None if config.server_now is None else config.server_now - now(),
    )


def _needs_timezone(manifest: Manifest, notice_hours: float) -> bool:
    return manifest.needs_timezone or (notice_hours > 0 and bool(manifest.unknown_starts()))


def _notice_hours(given: float | None, config: OrgConfig) -> float:
    hours = given if given is not None else config.notice_hours
    if hours is None:
        raise InputError(
            "the API does not tell the organisation's cancellation_notice_hours",
            hint="Pass --notice-hours; 0 lifts the notice window. Nothing was sent.",
        )
    return hours


def _timezone(given: ZoneInfo | None, config: OrgConfig, *, is_needed: bool) -> ZoneInfo | None:
    if given is not None:
        return given
    try:
        return quantities.timezone(config.timezone or "")
    except ValueError:  # none told, or one that this machine's zone database does not know
        if not is_needed:
            return None
        raise InputError(
            "the API does not tell the organisation's timezone, and times here need it",
            hint="Pass --timezone, like Asia/Kolkata. Nothing was sent.",
        ) from None


def clock_difference(rules: Rules) -> timedelta | None:
    """How far the server's clock is ahead, when that is more than a minute."""
    ahead = rules.clock_ahead
    return ahead if ahead is not None and abs(ahead) > timedelta(minutes=1) else None

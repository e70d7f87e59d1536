"""The rules in force: what the API says of the organisation, and what the operator overrides."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from batchcancel.api import Lookup, OrgConfig
from batchcancel.errors import InputError, Refusal, ScopeMissing
from batchcancel.events import Caution
from batchcancel.policy.notice import NoticePolicy
from batchcancel.reader.manifest import Manifest
from batchcancel.settings import quantities


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The policy, the clinic's timezone (None when nothing needs it), and what a person should know
    of where they come from.

    `is_asked` is False where there is nothing to decide by them, `may_read` where the key may not
    read appointments; `is_given` says that the operator gave the notice.
    """

    policy: NoticePolicy
    timezone: ZoneInfo | None
    cautions: tuple[Caution, ...] = ()
    is_asked: bool = True
    may_read: bool = True
    is_given: bool = False


_SAME_CLOCK, _LONGEST = timedelta(minutes=1), 40

UNASKED = Caution(
    code="cancelling_not_asked",
    text="the key may not read the organisation's rules: nobody could be asked whether cancelling "
    "is allowed",
)
UNTOLD = Caution(
    code="cancelling_not_told",
    text="the API does not tell whether the organisation allows cancelling (allow_cancellation)",
)

NOTHING_TO_DECIDE = Rules(policy=NoticePolicy(notice=timedelta(0)), timezone=None, is_asked=False)
"""For a batch whose rows are all settled or marked as done: the API need not be asked."""


async def rules_in_force(
    lookup: Lookup,
    *,
    manifest: Manifest,
    notice_hours: float | None,
    timezone: ZoneInfo | None,
) -> Rules:
    """Ask for the organisation's settings; `notice_hours` and `timezone` win where given.

    Raises `Refusal` when the organisation does not allow cancelling, `InputError` when a rule is
    neither told by the API nor given, `ScopeMissing` when it may not be asked and is not given.
    """
    cautions = []
    try:
        config = await lookup.config()
        cautions += [UNTOLD] if config.allow_cancellation is None else []
    except ScopeMissing:
        # A key that may only write can be used, as long as the operator gives what it cannot read.
        if notice_hours is None:
            raise
        config = OrgConfig(allow_cancellation=None, notice_hours=None, timezone=None)
        if timezone is None and _needs_timezone(manifest, notice_hours):
            raise
        cautions.append(UNASKED)
    if config.allow_cancellation is False:
        raise Refusal(
            "the organisation does not allow cancelling (allow_cancellation is not true)",
            hint="Allow it in HuskyVoice's booking rules, then run the same command again. "
            "Nothing was sent.",
        )
    cautions += _differences(config, notice_hours=notice_hours, timezone=timezone)
    hours = _notice_hours(notice_hours, config)
    return Rules(
        policy=NoticePolicy(notice=timedelta(hours=hours)),
        timezone=_timezone(timezone, config, is_needed=_needs_timezone(manifest, hours)),
        cautions=tuple(cautions),
        may_read=UNASKED not in cautions,
        is_given=notice_hours is not None,
    )


def _differences(
    config: OrgConfig, *, notice_hours: float | None, timezone: ZoneInfo | None
) -> Iterator[Caution]:
    """Where the operator says something else than the organisation."""
    hours, zone, told = config.notice_hours, zone_of(config), (config.timezone or "")[:_LONGEST]
    if notice_hours is not None and hours is not None and notice_hours != hours:
        yield Caution(
            code="notice_differs",
            text=f"--notice-hours is {notice_hours:g}, "
            f"and the organisation's notice is {hours:g} h",
        )
    if timezone is not None and told and (zone is None or timezone.key != zone.key):
        unknown = "" if zone else ", which no zone database knows"
        yield Caution(
            code="timezone_differs",
            text=f"--timezone is {timezone}, and the organisation's timezone is {told!r}{unknown}",
        )


def zone_of(config: OrgConfig) -> ZoneInfo | None:
    """None told, or one that this machine's zone database does not know, is None."""
    try:
        return quantities.timezone(config.timezone or "")
    except ValueError:
        return None


def _needs_timezone(manifest: Manifest, notice_hours: float) -> bool:
    return manifest.needs_timezone or (notice_hours > 0 and manifest.has_unknown_start)


def _notice_hours(given: float | None, config: OrgConfig) -> float:
    hours = given if given is not None else config.notice_hours
    if hours is None:
        raise InputError(
            "the API does not tell the organisation's cancellation_notice_hours",
            hint="Pass --notice-hours; 0 lifts the notice window. Nothing was sent.",
        )
    return hours


def _timezone(given: ZoneInfo | None, config: OrgConfig, *, is_needed: bool) -> ZoneInfo | None:
    zone = given or zone_of(config)
    if zone is None and is_needed:
        told = f"{config.timezone[:_LONGEST]!r} is none" if config.timezone else "it tells none"
        raise InputError(
            f"times here need the organisation's timezone, and the API does not tell it: {told}",
            hint="Pass --timezone, like Asia/Kolkata. Nothing was sent.",
        )
    return zone


def clock_cautions(*, is_known: bool, ahead: timedelta) -> Iterator[Caution]:
    """What a person should know of the clock that decides: `ahead` of this machine's, or it."""
    if not is_known:
        yield Caution(
            code="clock_unknown",
            text="the API's answers carry no Date: this machine's clock decides, so see that it is "
            "right",
        )
    elif abs(ahead) > _SAME_CLOCK:
        where = "behind" if ahead > timedelta(0) else "ahead of"
        yield Caution(
            code="clock_differs",
            text=f"this machine's clock is {timedelta(seconds=round(abs(ahead).total_seconds()))} "
            f"{where} the API's, and the API's decides",
        )

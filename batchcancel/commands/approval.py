"""What an approval is for: the work that a plan shows, in the words of its token."""

from batchcancel.appointments import SkipReason, as_meant
from batchcancel.errors import Refusal
from batchcancel.policy.observed import Observed
from batchcancel.policy.plan import Plan
from batchcancel.policy.rules import Rules
from batchcancel.reader.manifest import Manifest
from batchcancel.settings.approval import Approval
from batchcancel.settings.load import Settings

_SEEN = (SkipReason.UNKNOWN_STATUS, SkipReason.COMPLETED, SkipReason.MOVED)


def approval_of(
    plan: Plan, observed: Observed, *, manifest: Manifest, rules: Rules, settings: Settings
) -> Approval:
    """The approval for this plan: what decides who is cancelled, and how many; not the pace.

    Rows come to be eligible that were not by what others do to the appointment, never by time: so
    where any were left out for what was seen of them, it tells since when none may have changed.
    """
    is_left = plan.already_cancelled or plan.needs_review or not {*plan.skipped}.isdisjoint(_SEEN)
    sessions = {as_meant(name): start.isoformat() for name, start in settings.sessions.items()}
    return Approval.of(
        eligible=plan.eligible,
        settled=plan.spent,
        left_at=observed.began if is_left else None,
        content=manifest.digest,
        origin=settings.origin,
        key=settings.api_key.fingerprint,
        batch=settings.batch,
        notice=str(rules.policy.notice) if rules.is_asked else None,
        timezone=str(rules.timezone) if rules.is_asked else None,
        sessions=str(sorted(sessions.items())),
        statuses=",".join(sorted(settings.status)),
        notes=settings.notes or "",
        ignored=",".join(sorted(settings.ignore_column)),
        again="again" if settings.retry_refused else "",
        limited=" ".join(plan.let_through),
    )


def refuse_unapproved(approved: Approval | None, now: Approval) -> None:
    """Raise `Refusal` when `--approved` was given for something else than what would be done."""
    if approved is None or not (different := list(approved.differences(now))):
        return
    raise Refusal(
        f"what was approved is not what would be done; other than approved: {'; '.join(different)}",
        hint="Look at the plan as it is now, and pass the token that it shows. Nothing was sent.",
    )

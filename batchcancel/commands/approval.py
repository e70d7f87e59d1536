"""What an approval is for: the work that a plan shows, in the words of its token."""

from batchcancel.appointments import as_meant
from batchcancel.errors import Refusal
from batchcancel.policy.plan import Plan
from batchcancel.policy.rules import Rules
from batchcancel.reader.manifest import Manifest
from batchcancel.settings.approval import Approval
from batchcancel.settings.load import Settings


def approval_of(plan: Plan, *, manifest: Manifest, rules: Rules, settings: Settings) -> Approval:
    """The approval for this plan: what decides who is cancelled, and how many; not the pace."""
    sessions = {as_meant(name): start.isoformat() for name, start in settings.sessions.items()}
    return Approval.of(
        eligible=plan.eligible,
        settled=plan.spent,
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
    )


def refuse_unapproved(approved: Approval | None, now: Approval) -> None:
    """Raise `Refusal` when `--approved` was given for something else than what would be done."""
    if approved is None or not (different := list(approved.differences(now))):
        return
    raise Refusal(
        f"what was approved is not what would be done; other than approved: {'; '.join(different)}",
        hint="Look at the plan as it is now, and pass the token that it shows. Nothing was sent.",
    )

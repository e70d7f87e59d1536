"""The verify command: what the API says now of what a batch cancelled."""

import sys

from batchcancel import wiring
from batchcancel.addresses import redacted_ledger
from batchcancel.appointments import Said
from batchcancel.errors import InputError
from batchcancel.events import Observer
from batchcancel.ledger.contract import Batch, CancelledRow, Look
from batchcancel.ledger.questions import LedgerReader
from batchcancel.policy.back import Back, read_back
from batchcancel.policy.observed import CANCELLED, has_moved
from batchcancel.policy.pages import Budget
from batchcancel.report.status import day_of, zone_of
from batchcancel.report.verify import Checked, Verified
from batchcancel.settings.load import ApiSettings
from batchcancel.stop import Stop
from batchcancel.wiring import Surroundings


async def verify(
    settings: ApiSettings, *, ledger: str, batch: str, stop: Stop, observe: Observer,
    around: Surroundings | None = None,
) -> Verified:  # fmt: skip
    """Read back what the batch cancelled, and apart what was restored of it. Sends no write."""
    async with wiring.tools(
        settings, wiring.for_plan, ledger=ledger, stop=stop, observe=observe, around=around
    ) as tools:
        account = tools.account or tools.ledger
        require_own(account, batch, settings, ledger=ledger)
        rows, restored = [*account.cancelled_rows(batch)], account.restored_rows(batch)
        zone = settings.timezone or zone_of(account.batch(batch))
        with stop.raising_reason():
            back = await read_back(
                {one.appointment_id: day_of(one, zone) for one in (*rows, *restored)},
                lookup=tools.lookup, now=tools.clock.now, budget=Budget(sys.maxsize),
                halt_after=settings.halt_after,
            )  # fmt: skip
        verified = Verified(
            batch=batch,
            origin=settings.origin,
            ledger=redacted_ledger(ledger),
            rows=[_checked(row, back) for row in rows],
            restored=[_checked(row, back) for row in restored],
            requests=tools.exchange.requests,
        )
        if account is tools.ledger:  # a run that goes on has it for itself
            tools.ledger.note(batch, Look("drift", tools.clock.now(), verified.counts))
        return verified


def require_own(account: LedgerReader, name: str, settings: ApiSettings, *, ledger: str) -> None:
    """Refuse a batch that cancelled nothing, and another API's: a rehearsal's, maybe."""
    batch = account.batch(name)
    if batch.kind == "restore":
        raise InputError(
            f"batch {name} restored what {batch.of_batch} cancelled: it has cancelled nothing",
            hint=f"Name the batch that did: --batch {batch.of_batch}. Nothing was sent.",
        )
    require_origin(account, name, settings, ledger=ledger)


def require_origin(account: LedgerReader, name: str, settings: ApiSettings, *, ledger: str) -> None:
    """Refuse a batch of another API: a rehearsal's, maybe."""
    batch = account.batch(name)
    if batch.origin != settings.origin:
        raise InputError(
            f"{redacted_ledger(ledger)} holds batches of {batch.origin}, and this is for "
            f"{settings.origin}",
            hint=f"Nothing was sent. Give its key, and --base-url {address_of(account, batch)}",
        )


def address_of(account: LedgerReader, batch: Batch) -> str:
    """The API's address, as the last run over the batch was told it."""
    told = [(run.options or {}).get("base_url") for run in account.runs(batch.name)]
    return str(next(filter(None, reversed(told)), batch.origin))


def _checked(row: CancelledRow, back: Back) -> Checked:
    shown = back.shown.get(row.appointment_id)
    if shown is None:
        return Checked(row, "gone" if row.appointment_id in back.absent else "unread")
    record = shown.record
    if record.status == CANCELLED:
        return Checked(row, "cancelled", record)
    is_elsewhere = has_moved(Said(row.date, row.session, row.branch_id), record)
    return Checked(row, "moved" if is_elsewhere else "alive", record)

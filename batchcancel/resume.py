"""What earlier runs left of a batch, and whether its manifest is still the same."""

from batchcancel.errors import InputError, Refusal
from batchcancel.ledger import Batch, LedgerReader, State
from batchcancel.manifest import Manifest
from batchcancel.plan import Standing
from batchcancel.settings import Settings


def batch_of(manifest: Manifest, settings: Settings) -> Batch:
    """The batch this manifest makes."""
    return Batch(
        name=settings.batch,
        origin=settings.origin,
        digest=manifest.digest,
        rows=manifest.rows - len(manifest.rejected),
        rejected_rows=len(manifest.rejected),
        duplicates=manifest.duplicates,
    )


def known_batch(reader: LedgerReader | None, name: str) -> Batch | None:
    """The batch of that name, if the ledger has it."""
    if reader is None:
        return None
    return next((batch for batch in reader.batches() if batch.name == name), None)


def standing_of(reader: LedgerReader | None, settings: Settings) -> Standing:
    """The rows not to be sent again, and those to be read back."""
    if reader is None:
        return Standing()
    return Standing(
        settled_ids=reader.settled_ids(settings.batch, but_refused=settings.retry_refused),
        open_rows=reader.open_rows(settings.batch),
    )


def refuse_other_origin(known: Batch, batch: Batch, settings: Settings) -> None:
    """Raise `InputError` when the ledger's batch belongs to another API: a rehearsal's, maybe."""
    if known.origin != batch.origin:
        raise InputError(
            f"{settings.ledger_shown} holds batches of {known.origin}, "
            f"and this is for {batch.origin}",
            hint="Name a ledger of its own for this API with --ledger. Nothing was sent.",
        )


def refuse_changed_manifest(
    reader: LedgerReader, *, known: Batch, batch: Batch, manifest: Manifest, is_accepted: bool
) -> None:
    """Raise `Refusal` with the difference in numbers, unless nothing changed or it is accepted.

    Rows in doubt must stay in the manifest: only they can be read back.
    """
    if known.digest == batch.digest:
        return
    ids = set(manifest.ids())
    rows = {row.appointment_id: row.state for row in reader.rows(batch.name)}
    new, gone = len(ids - rows.keys()), rows.keys() - ids
    what = f"{new} new, {len(gone)} gone, {len(ids & rows.keys())} in both"
    if not new and not gone:
        what = f"the same {len(ids)} appointments, with other times, notes or rejected rows"
    in_doubt = sum(1 for appointment_id in gone if rows[appointment_id] is State.OPEN)
    if in_doubt:
        raise Refusal(
            f"the manifest lacks {in_doubt} of the batch's rows whose result is not known ({what})",
            hint="Put them back, so that they can be read back. Nothing was sent.",
        )
    if not is_accepted:
        raise Refusal(
            f"the manifest of batch {batch.name} changed: {what}",
            hint="Pass --accept-changed-manifest to let it join the batch, or --batch with a new "
            "name for a new batch. Nothing was sent.",
        )

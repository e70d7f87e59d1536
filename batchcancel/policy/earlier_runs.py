"""Resuming: what earlier runs left of a batch, and whether its manifest is still the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from batchcancel.appointments import Decided, OutcomeName, SkipReason
from batchcancel.errors import InputError, Refusal
from batchcancel.ledger.contract import Batch, LeftAlone, Observation, OpenRow, RowRecord, State
from batchcancel.ledger.questions import LedgerReader
from batchcancel.policy.content import conflicting_ids
from batchcancel.policy.starts import some
from batchcancel.reader.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRuns:
    """What the ledger says before a run: rows not to be sent again, and those to be read back.

    Open ones without an attempt may have been sent all the same: the ledger went back.

    `left_alone` are rows that earlier runs did not send for what they saw; they are decided anew.
    `not_found` are settled ones that may be there by now, `seen_open` what was seen of open ones,
    `decided` those that a person decided on.
    """

    settled_ids: Sequence[str] = ()
    open_rows: Sequence[OpenRow] = ()
    left_alone: Sequence[LeftAlone] = ()
    not_found: Sequence[str] = ()
    seen_open: Sequence[Observation] = ()
    decided: Sequence[Decided] = ()


def is_among(ids: Sequence[str]) -> pl.Expr:
    """Whether a row's appointment is one of these."""
    return pl.col("appointment_id").is_in(pl.Series(ids, dtype=pl.String).implode())


def is_in_doubt(earlier: EarlierRuns) -> pl.Expr:
    """Whether a row was sent and its result is not known: it is read back when its turn comes."""
    return is_among([row.appointment_id for row in earlier.open_rows if row.attempts])


def with_doubts(earlier: EarlierRuns, ids: Iterable[str], *, since: datetime) -> EarlierRuns:
    """Let all that may have been sent since then be in doubt: a ledger went back.

    What a person keeps was not sent.
    """
    kept = (one.appointment_id for one in earlier.left_alone if one.reason == SkipReason.KEPT)
    known = {*earlier.settled_ids, *kept, *(one.appointment_id for one in earlier.open_rows)}
    doubts = [OpenRow(one, 0, since) for one in ids if one not in known]
    return replace(earlier, open_rows=[*earlier.open_rows, *doubts])


def is_nothing_left(manifest: Manifest, earlier: EarlierRuns) -> bool:
    """Whether every row is settled, or marked as done and nothing was sent for it."""
    is_done = pl.col("marked").is_not_null() & ~is_in_doubt(earlier)
    return manifest.frame.filter(~is_done, ~is_among(earlier.settled_ids)).is_empty()


def batch_of(manifest: Manifest, *, name: str, origin: str) -> Batch:
    """The batch this manifest makes."""
    return Batch(
        name=name,
        origin=origin,
        digest=manifest.digest,
        rows=manifest.rows - len(manifest.rejected),
        rejected_rows=len(manifest.rejected),
        duplicates=manifest.duplicates,
        selection=manifest.selection,
    )


def earlier_runs(reader: LedgerReader | None, batch: str, *, but_refused: bool) -> EarlierRuns:
    """What is settled and what is open; `but_refused` lets refused and not-found rows be sent."""
    if reader is None:
        return EarlierRuns()
    open_rows = reader.open_rows(batch)
    ids = {one.appointment_id for one in open_rows if one.attempts}
    seen = (one for one in (reader.observations(batch) if ids else ()) if one.appointment_id in ids)
    return EarlierRuns(
        settled_ids=reader.settled_ids(batch, but_refused=but_refused),
        open_rows=open_rows,
        seen_open=[*seen],
        left_alone=reader.left_alone(batch),
        not_found=() if but_refused else reader.not_found_ids(batch),
        decided=reader.decided(batch),
    )


def refuse_other_work(
    reader: LedgerReader | None,
    batch: Batch,
    manifest: Manifest,
    *,
    ledger: str,
    timezone: ZoneInfo | None,
    is_accepted: bool,
    but_refused: bool,
) -> None:
    """Refuse to go on with a batch that is another API's, or whose manifest changed unasked.

    `ledger` is its address as it may be shown, `timezone` the clinic's where it is known;
    `but_refused` says that refused and not-found rows are sent once more, under what is said of
    them now.
    """
    batches = () if reader is None else reader.batches()
    known = next((one for one in batches if one.name == batch.name), None)
    if reader is None or known is None:
        return
    if known.origin != batch.origin:
        raise InputError(
            f"{ledger} holds batches of {known.origin}, and this is for {batch.origin}",
            hint="Name a ledger of its own for this API with --ledger. Nothing was sent.",
        )
    if known.kind != batch.kind:
        raise InputError(
            f"{batch.name} is the batch that restores {known.of_batch}, and no manifest's",
            hint="Name another one with --batch. Nothing was sent.",
        )
    if known.digest != batch.digest:
        settled = reader.settled_rows(batch.name, but_refused=but_refused)
        ids = conflicting_ids(settled, manifest.ledger_rows(), timezone=timezone)
        _refuse_conflicts(ids, batch)
        _refuse_changed_manifest(reader, batch, {*manifest.ids()}, is_accepted=is_accepted)


def _refuse_conflicts(ids: Sequence[str], batch: Batch) -> None:
    """Refuse settled rows of which the manifest says what they were not settled under.

    Whatever is accepted: such a row would count as done, and its appointment lie on another day.
    """
    if not ids:
        return
    rows = "1 row" if len(ids) == 1 else f"{len(ids)} rows"
    raise Refusal(
        f"the manifest contradicts {rows} that batch {batch.name} has settled: another day, time, "
        f"session or branch than they were settled for ({some(ids, ', ')})",
        hint="What is settled is never sent again in its batch, so they would count as done. Pass "
        "--batch with a new name: a new batch decides on every row anew. Nothing was sent.",
    )


def _has_no_result(row: RowRecord) -> bool:
    """Also one that was skipped when it was read back: that ends no doubt."""
    is_skipped = row.outcome == OutcomeName.SKIPPED and row.opened_at is not None
    return row.state is State.OPEN or is_skipped


def _refuse_changed_manifest(
    reader: LedgerReader, batch: Batch, ids: set[str], *, is_accepted: bool
) -> None:
    """Raise `Refusal` with the difference in numbers, unless it is accepted.

    Rows in doubt must stay in the manifest: only they can be read back.
    """
    rows = {
        row.appointment_id: row
        for row in reader.rows(batch.name)
        if row.outcome != OutcomeName.REJECTED_ROW
    }
    new, gone = len(ids - rows.keys()), rows.keys() - ids
    what = f"{new} new, {len(gone)} gone, {len(ids & rows.keys())} in both"
    if not new and not gone:
        what = f"the same {len(ids)} appointments, with other times, notes or rejected rows"
    if in_doubt := sum(1 for one in gone if _has_no_result(rows[one])):
        raise Refusal(
            f"the manifest lacks {in_doubt} of the batch's rows whose result is not known ({what})",
            hint="Put them back, so that they can be read back. Nothing was sent.",
        )
    if not is_accepted:
        ways = ["--accept-changed-manifest to let it join the batch",
                "--batch with a new name for a new batch"]  # fmt: skip
        if len(ids & rows.keys()) < min(new, len(gone)):  # rather another piece of work
            ways.reverse()
        raise Refusal(
            f"the manifest of batch {batch.name} changed: {what}",
            hint=f"Pass {', or '.join(ways)}. Nothing was sent.",
        )

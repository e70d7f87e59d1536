"""Prefetch of start times: one page of 200 records may save 200 single look-ups.

The rows of a closure mostly lie on a day or two. One record gives a day, and the pages of that day
give the others. It ends when pages are no longer worth their requests; rows whose start is
still unknown are looked up one by one before they are sent.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime

from batchcancel.api import PAGE, Lookup, Record
from batchcancel.appointments import Outcome, OutcomeName, Said, SkipReason, as_meant
from batchcancel.policy.starts import Starts

CANCELLED, COMPLETED = "cancelled", "completed"
"""Statuses of the API that are never sent, whatever `--status` names."""

SENDABLE = ("confirmed", "rescheduled")
"""The statuses that are sent unless `--status` names others."""

MIN_HITS = 3
"""A page with fewer wanted records than this is the last that is read of its day."""

MAX_MISSES = 3
"""So many rows in a row that led to fewer than `MIN_HITS` records end the search."""


async def prefetch_starts(
    ids: Sequence[str], *, lookup: Lookup, starts: Starts
) -> list[tuple[str, datetime]]:
    """Pairs of id and start time for those of `ids` that were found."""
    unknown = dict.fromkeys(ids)  # a set that keeps the order, so that requests can be repeated
    found: list[tuple[str, datetime]] = []
    days: set[date] = set()
    misses_left = MAX_MISSES
    for appointment_id in ids:
        if len(unknown) < MIN_HITS or misses_left == 0:
            break
        if appointment_id not in unknown:
            continue
        records = await _records_near(appointment_id, unknown, days, lookup=lookup)
        misses_left = misses_left - 1 if len(records) < MIN_HITS else MAX_MISSES
        for record in records:
            if unknown.pop(record.appointment_id, appointment_id) is None:
                starts_at = await starts.of_record(record)
                found += [(record.appointment_id, starts_at)] if starts_at else []
    return found


async def _records_near(
    appointment_id: str, wanted: dict[str, None], days: set[date], *, lookup: Lookup
) -> list[Record]:
    """The record of one row, and those of wanted rows on its day if that day is new."""
    record = await lookup.record(appointment_id)
    if record is None:
        return []
    if record.date is None or record.date in days:
        return [record]
    days.add(record.date)
    return [record, *await _pages(record.date, wanted, lookup=lookup)]


async def _pages(day: date, wanted: dict[str, None], *, lookup: Lookup) -> list[Record]:
    """Each record once, page by page; a page with nothing new on it is the last.

    So a server that ignores the number of a page, or gives the last one again, ends it too.
    """
    found: list[Record] = []
    seen: set[str] = set()
    page = 1
    while (records := await lookup.page_of_day(day, page=page)) is not None:
        new = {one.appointment_id: one for one in records if one.appointment_id not in seen}
        seen |= new.keys()
        hits = [record for one, record in new.items() if one in wanted]
        found += hits
        if len(hits) < MIN_HITS or len(records) < PAGE:
            break
        page += 1
    return found


def has_moved(said: Said, record: Record) -> bool:
    """Whether it is on another day, session or branch than the manifest says."""
    return any(True for _ in what_moved(said, record))


def what_moved(said: Said, record: Record) -> Iterator[str]:
    """Name what differs, as the record's fields are called; what one leaves open does not."""
    if said.day is not None and record.date is not None and said.day != record.date:
        yield "date"
    for field in ("session", "branch_id"):
        named, found = getattr(said, field), getattr(record, field)
        if named is not None and found is not None and as_meant(named) != as_meant(found):
            yield field


def skip_of(said: Said, record: Record, *, statuses: Collection[str]) -> SkipReason | None:
    """Why a record is left alone for what it is; `statuses`, to the letter, are those to be sent.

    None of a cancelled one, wherever it is: it is an outcome of its own.
    """
    if record.status == CANCELLED:
        return None
    if record.status == COMPLETED:
        return SkipReason.COMPLETED
    if record.status not in statuses:
        return SkipReason.UNKNOWN_STATUS
    return SkipReason.MOVED if has_moved(said, record) else None


def outcome_of(said: Said, record: Record, *, statuses: Collection[str]) -> Outcome | None:
    """How an appointment ends by its record alone; None when it is to be cancelled."""
    if record.status == CANCELLED:
        return Outcome(OutcomeName.ALREADY_CANCELLED)
    reason = skip_of(said, record, statuses=statuses)
    return None if reason is None else Outcome(OutcomeName.SKIPPED, reason)

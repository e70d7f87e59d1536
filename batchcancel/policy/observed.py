"""Find many start times in few requests: a page of 200 records may save 200 look-ups.

The rows of a closure mostly lie on a day or two. One record tells a day; the pages of that day
tell the others. It ends as soon as a page is not worth its request; rows that stay unknown are
looked up one by one when their turn comes.
"""

from collections.abc import Sequence
from datetime import date, datetime

from batchcancel.api import PAGE, Lookup, Record
from batchcancel.policy.starts import Starts

WORTH_IT = 3
"""A page that finds fewer wanted records than this ends the search."""

PATIENCE = 3
"""So many rows without a record, or with one that told no new day, end the search too."""


async def look_ahead(
    ids: Sequence[str], *, lookup: Lookup, starts: Starts
) -> list[tuple[str, datetime]]:
    """The start times found for `ids`; at most a few requests are spent in vain."""
    unknown = dict.fromkeys(ids)
    found: list[tuple[str, datetime]] = []
    days: set[date] = set()
    patience = PATIENCE
    for appointment_id in ids:
        if len(unknown) < WORTH_IT or patience == 0:
            break
        if appointment_id not in unknown:
            continue
        records = await _records_near(appointment_id, unknown, days, lookup=lookup)
        patience = patience - 1 if len(records) < WORTH_IT else PATIENCE
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
        if len(hits) < WORTH_IT or len(records) < PAGE:
            break
        page += 1
    return found

"""Find many start times in few requests: a page of 200 records may save 200 look-ups.

The rows of a closure mostly lie on a day or two. One record tells a day; the pages of that day
tell the others. It ends as soon as a page is not worth its request; rows that stay unknown are
looked up one by one when their turn comes.
"""

from collections.abc import Sequence
from datetime import date, datetime

from batchcancel.api import PAGE, Lookup, Record
from batchcancel.starts import Starts

WORTH_IT = 3
"""A page that finds fewer wanted records than this ends the search."""


async def look_ahead(
    ids: Sequence[str], *, lookup: Lookup, starts: Starts
) -> list[tuple[str, datetime]]:
    """The start times found for `ids`; at most a few requests are spent in vain."""
    unknown = dict.fromkeys(ids)
    found: list[tuple[str, datetime]] = []
    days: set[date] = set()
    while len(unknown) >= WORTH_IT:
        first = await lookup.record(next(iter(unknown)))
        if first is None or first.date is None:
            break
        records = [first]
        is_new_day = first.date not in days
        if is_new_day:
            days.add(first.date)
            records += await _pages(first.date, unknown, lookup=lookup)
        for record in records:
            if record.appointment_id in unknown:
                del unknown[record.appointment_id]
                starts_at = await starts.of_record(record)
                found += [(record.appointment_id, starts_at)] if starts_at else []
        if len(records) - 1 < WORTH_IT:
            break
    return found


async def _pages(day: date, wanted: dict[str, None], *, lookup: Lookup) -> list[Record]:
    found: list[Record] = []
    page = 1
    while (records := await lookup.page_of_day(day, page=page)) is not None:
        hits = [record for record in records if record.appointment_id in wanted]
        found += hits
        if len(hits) < WORTH_IT or len(records) < PAGE:
            break
        page += 1
    return found

"""Content per row: whether a manifest says otherwise of a row than the one it was settled under.

A row that was settled on one day and comes back on another is not done: its outcome was for an
appointment as it was then. Compared is what both name, field by field, and only a difference that
is certain counts: a time without an offset may be of any timezone while that is not known.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from itertools import groupby
from operator import attrgetter
from zoneinfo import ZoneInfo

from batchcancel.appointments import KnownBy, differ
from batchcancel.ledger.contract import LedgerRow

_FURTHEST_WEST, _FURTHEST_EAST = timedelta(hours=-12), timedelta(hours=14)
"""The offsets from UTC between which every timezone lies."""


def conflicting_ids(
    before: Iterable[LedgerRow], now: Iterable[LedgerRow], *, timezone: ZoneInfo | None
) -> list[str]:
    """Ids of which the two say different things; both are ordered by id.

    `timezone` is the clinic's, None while it is not known.
    """
    return [
        row.appointment_id
        for row, again in _in_both(before, now)
        if says_otherwise(row, again, timezone=timezone)
    ]


def says_otherwise(before: LedgerRow, now: LedgerRow, *, timezone: ZoneInfo | None) -> bool:
    """Whether a field that both fill in is certain to mean something else; notes do not count."""
    return (
        differ(_word(before.session), _word(now.session))
        or differ(_word(before.branch_id), _word(now.branch_id))
        or _is_at_another_time(before, now, timezone)
    )


def _in_both(
    before: Iterable[LedgerRow], now: Iterable[LedgerRow]
) -> Iterator[tuple[LedgerRow, LedgerRow]]:
    """Pairs of rows with the same id, without ever holding all of them."""
    by_id = attrgetter("appointment_id")
    for _, rows in groupby(merge(before, now, key=by_id), by_id):
        row, *again = rows
        if again:
            yield row, again[0]


def _word(text: str | None) -> str | None:
    """As an export may have it: the quote keeps a spreadsheet from taking it for a formula."""
    word = (text or "").removeprefix("'")
    return word if word.strip() else None


def _is_at_another_time(before: LedgerRow, now: LedgerRow, timezone: ZoneInfo | None) -> bool:
    if before.manifest_start == now.manifest_start and before.date == now.date:
        return False  # as most do, of a million
    start, again = _start(before), _start(now)
    if before.manifest_start != now.manifest_start:
        is_exact = {before.start_known_by, now.start_known_by} <= {None, KnownBy.EXACT}
        if _starts_differ(start, again, timezone, is_exact=is_exact):
            return True
    # A column that was `date` and is `starts_at` now, or the other way round, tells the day too.
    return _starts_differ(before.date or start, now.date or again, timezone, is_exact=False)


def _start(row: LedgerRow) -> datetime | date | None:
    """The start that the manifest gave: aware, naive where it had no offset, or a day alone.

    A ledger of an earlier version kept its instant only, and beside a `date` that may have been
    the start of its session.
    """
    text = row.manifest_start
    if text is None:
        return row.starts_at if row.date is None else None
    try:
        if len(text) == len("2026-06-15"):
            return date.fromisoformat(text)
        # As a manifest may have it, and Python does not read it.
        clock = text[11:].upper().replace(" ", "").replace("UTC", "Z").replace("GMT", "Z")
        return datetime.fromisoformat(f"{text[:10]}T{clock}")
    except ValueError:
        return None


def _starts_differ(
    one: datetime | date | None,
    other: datetime | date | None,
    timezone: ZoneInfo | None,
    *,
    is_exact: bool,
) -> bool:
    """A day alone, or the beginning of a session, says nothing of the time."""
    if one is None or other is None:
        return False
    (first, last), (begin, end) = (_between(moment, timezone) for moment in (one, other))
    if is_exact and isinstance(one, datetime) and isinstance(other, datetime):
        if one.tzinfo and other.tzinfo:
            return one != other
        return last < begin or end < first
    return last.date() < begin.date() or end.date() < first.date()


def _between(start: datetime | date, timezone: ZoneInfo | None) -> tuple[datetime, datetime]:
    """The first and the last local time that a start may be."""
    if not isinstance(start, datetime):
        start = datetime.combine(start, time())
    if start.tzinfo is None:
        return start, start
    # This way round, for an instant has one local time, where a local time may have two.
    if timezone is not None:
        local = start.astimezone(timezone).replace(tzinfo=None)
        return local, local
    utc = start.astimezone(UTC).replace(tzinfo=None)
    return utc + _FURTHEST_WEST, utc + _FURTHEST_EAST

"""Content per row: whether a manifest says otherwise of a row than the one it was settled under.

A row that was settled on one day and comes back on another is not done: its outcome was for an
appointment as it was then. Compared is what both name, field by field, and only a difference that
is certain counts: a time without an offset may be of any timezone while that is not known.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import groupby
from operator import attrgetter
from zoneinfo import ZoneInfo

from batchcancel.appointments import KnownBy, as_meant
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
        _means_otherwise(before.session, now.session)
        or _means_otherwise(before.branch_id, now.branch_id)
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


def _means_otherwise(before: str | None, now: str | None) -> bool:
    if before is None or now is None or before == now:
        return False
    # As an export may have it: the quote keeps a spreadsheet from taking it for a formula.
    before, now = (as_meant(text.removeprefix("'")) for text in (before, now))
    return bool(before) and bool(now) and before != now


def _is_at_another_time(before: LedgerRow, now: LedgerRow, timezone: ZoneInfo | None) -> bool:
    if before.manifest_start == now.manifest_start and before.date == now.date:
        return False  # as most do, of a million
    start, again = _start(before), _start(now)
    if start is not None and again is not None and before.manifest_start != now.manifest_start:
        known_by = {before.start_known_by, now.start_known_by}
        is_exact = known_by <= {None, KnownBy.EXACT}
        if _starts_differ(start, again, timezone, is_exact=is_exact):
            return True
    # A column that was `date` and is `starts_at` now, or the other way round, tells the day too.
    day, day_now = before.date or start, now.date or again
    return day is not None and day_now is not None and _starts_differ(day, day_now, timezone)


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
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def _starts_differ(
    one: datetime | date,
    other: datetime | date,
    timezone: ZoneInfo | None,
    *,
    is_exact: bool = False,
) -> bool:
    if is_exact and isinstance(one, datetime) and isinstance(other, datetime):
        return _moments_differ(one, other, timezone)
    # A day alone, or the beginning of a session, says nothing of the time.
    (first, last), (begin, end) = _days(one, timezone), _days(other, timezone)
    return last < begin or end < first


def _moments_differ(one: datetime, other: datetime, timezone: ZoneInfo | None) -> bool:
    if (one.tzinfo is None) == (other.tzinfo is None):
        return one != other
    instant, local = (one, other) if other.tzinfo is None else (other, one)
    if timezone is not None:
        # This way round, for an instant has one local time, where a local time may have two.
        return instant.astimezone(timezone).replace(tzinfo=None) != local
    offset = local - instant.astimezone(UTC).replace(tzinfo=None)
    return not _FURTHEST_WEST <= offset <= _FURTHEST_EAST


def _days(start: datetime | date, timezone: ZoneInfo | None) -> tuple[date, date]:
    """The first and the last day that a start may be on."""
    if not isinstance(start, datetime):
        return start, start
    if start.tzinfo is None:
        return start.date(), start.date()
    if timezone is not None:
        day = start.astimezone(timezone).date()
        return day, day
    utc = start.astimezone(UTC)
    return (utc + _FURTHEST_WEST).date(), (utc + _FURTHEST_EAST).date()

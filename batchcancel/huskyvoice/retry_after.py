"""How long a `Retry-After` asks us to wait, whatever shape it comes in."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
"""A day, in seconds: what is longer, or a number too long to read, counts as this."""

_SECONDS = re.compile(r"[0-9]{1,20}", re.ASCII)


def http_date(text: str | None) -> datetime | None:
    """An HTTP date as an aware UTC datetime; None when it is not one."""
    if not text or len(text) > 64:  # noqa: PLR2004 - no HTTP date is longer
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def retry_after(text: str | None, *, server_now: datetime) -> float | None:
    """Seconds to wait, from 0 to `LONGEST`; None when the header says nothing readable.

    Dates are measured against the answer's own `Date`, so that a wrong clock here does no harm.
    """
    if text is None:
        return None
    text = text.strip(" \t")
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST)
    moment = http_date(text)
    if moment is None:
        return None
    return min(max((moment - server_now).total_seconds(), 0.0), LONGEST)

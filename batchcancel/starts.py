"""Where a start time comes from, when the manifest gives a day or nothing at all."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from batchcancel.api import Lookup, Record


def instant(day: date, at: time | None, *, timezone: ZoneInfo) -> datetime:
    """A local time as UTC: ambiguous means the earlier; non-existent or None, the day's start.

    The start of the day is the most cautious reading: it closes the notice window soonest.
    """
    if at is not None:
        local = datetime.combine(day, at, tzinfo=timezone)
        moment = local.astimezone(UTC)
        if moment.astimezone(timezone).replace(tzinfo=None) == local.replace(tzinfo=None):
            return moment
    return datetime.combine(day, time(0), tzinfo=timezone).astimezone(UTC)


class Starts:
    """Session starts from the job file's `[sessions]`, else from the calendar windows.

    `sessions` maps a session's name, in any case, to its local start.
    """

    def __init__(
        self, *, sessions: Mapping[str, time], lookup: Lookup, timezone: ZoneInfo | None
    ) -> None:
        self._sessions = {name.casefold(): start for name, start in sessions.items()}
        self._lookup = lookup
        self._timezone = timezone

    async def local(self, day: date, session: str | None, branch_id: str | None) -> time | None:
        """When the session begins on that day, or None when nobody knows."""
        if session is not None and session.casefold() in self._sessions:
            return self._sessions[session.casefold()]
        return await self._lookup.session_start(day, session=session, branch_id=branch_id)

    async def of_record(self, record: Record) -> datetime | None:
        """When an appointment starts, by its record; None when it has no day."""
        if record.date is None or self._timezone is None:
            return None
        at = await self.local(record.date, record.session, record.branch_id)
        return instant(record.date, at, timezone=self._timezone)

"""Resolution of start times from the job file's sessions and the calendar windows."""

from collections.abc import Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from batchcancel.api import Lookup, Record
from batchcancel.reader.times import session_start


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
        return session_start(record.date, at, self._timezone)

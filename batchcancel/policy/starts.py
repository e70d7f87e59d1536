"""Resolution of start times from the job file's sessions and the calendar windows."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from batchcancel.api import Lookup, Record
from batchcancel.appointments import as_meant
from batchcancel.events import Caution
from batchcancel.reader.manifest import SessionKey
from batchcancel.reader.times import session_start

_SHOWN, _SHOWN_LENGTH = 5, 40


class Starts:
    """Session starts from the job file's `[sessions]`, else from the calendar windows.

    `sessions` maps a session's name to its local start; case and blanks around it do not count.
    """

    def __init__(
        self, *, sessions: Mapping[str, time], lookup: Lookup, timezone: ZoneInfo | None
    ) -> None:
        self._sessions = {as_meant(name): start for name, start in sessions.items()}
        self._lookup = lookup
        self._timezone = timezone

    async def local(self, day: date, session: str | None, branch_id: str | None) -> time | None:
        """When the session begins on that day, or None when nobody knows."""
        if session is not None and as_meant(session) in self._sessions:
            return self._sessions[as_meant(session)]
        return await self._lookup.session_start(day, session=session, branch_id=branch_id)

    async def of_record(self, record: Record) -> datetime | None:
        """When an appointment starts, by its record; None when it has no day."""
        if record.date is None or self._timezone is None:
            return None
        at = await self.local(record.date, record.session, record.branch_id)
        return session_start(record.date, at, self._timezone)


def unknown_sessions(found: Mapping[SessionKey, time | None]) -> Iterator[Caution]:
    """Tell by name which sessions have no start; nothing where all of them have one."""
    unknown = [_named(*key) for key, start in found.items() if start is None]
    if not unknown:
        return
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    yield Caution(
        code="unknown_session",
        text=f"no start is known for {'; '.join(unknown[:_SHOWN])}{more}: the calendar lists no "
        "such window, so these rows are read as beginning with their day",
    )


def _named(day: date, session: str | None, branch_id: str | None) -> str:
    """What a row says, so that it cannot steer a terminal or fill it."""
    words = [day.isoformat()]
    words += [] if session is None else [f"session {session[:_SHOWN_LENGTH]!r}"]
    words += [] if branch_id is None else [f"branch {branch_id[:_SHOWN_LENGTH]!r}"]
    return " ".join(words)

"""Resolution of starts from the job file's sessions and the calendar windows.

What neither of them tells is known by its day alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from batchcancel.api import Calendar, Record, Window
from batchcancel.appointments import KnownBy, Start, as_meant
from batchcancel.errors import ScopeMissing
from batchcancel.events import Caution
from batchcancel.reader.times import day_start, session_start

_WEEK = timedelta(weeks=1)
_SHOWN, _SHOWN_LENGTH = 5, 40
_DAY = "Only the day counts: its beginning for the notice, its end for what is over"
_TOLD = {
    "windows_a_week_later": "the calendar lists no windows for {}, so sessions are read as they "
    "are a week later",
    "windows_unread": f"the API does not tell the calendar windows of {{}}. {_DAY}",
    "unknown_session": f"no start is known for {{}}: the calendar lists no such window. {_DAY}",
}

Place = tuple[date, str | None, str | None, str | None]
"""A day, a session, a branch and a batch label, as a row or a record names them."""


class Starts:
    """Starts by the job file's `[sessions]`, else by the calendar windows, else by the day.

    `sessions` maps a session's name to its local start. Names are compared as people mean them.
    Where sessions are not `needed` and the key may not read the calendar, the day has to do.
    """

    def __init__(
        self,
        *,
        sessions: Mapping[str, time],
        lookup: Calendar,
        timezone: ZoneInfo | None,
        needed: bool = True,
    ) -> None:
        self._sessions = {as_meant(name): start for name, start in sessions.items()}
        self._lookup = lookup
        self._timezone = timezone
        self._needed = needed
        self._may_read = True
        self._unknown: dict[Place, None] = {}  # a set that keeps the order
        self._read_a_week_later: set[date] = set()
        self._unread: set[date] = set()

    def is_over(self, day: date | None, *, now: datetime) -> bool:
        """Whether that day of the clinic has ended; a session of it may last longer."""
        zone = self._timezone
        return day is not None and zone is not None and day < now.astimezone(zone).date()

    async def of_record(self, record: Record) -> Start | None:
        """When an appointment starts, by its record; None when it has no day."""
        if record.date is None or self._timezone is None:
            return None
        return await self.of_session(record.date, record.session, record.branch_id, record.label)

    async def of_session(
        self,
        day: date,
        session: str | None = None,
        branch_id: str | None = None,
        label: str | None = None,
    ) -> Start:
        """When the session begins on that day; without session and label, the day alone."""
        if self._timezone is None:
            raise ValueError("a session's start needs the timezone of the clinic")
        session, branch_id, label = _said(session), _said(branch_id), _said(label)
        begins = self._sessions.get(as_meant(session)) if session else None
        if begins is not None:
            return session_start(day, begins, self._next(begins), self._timezone)
        if session is None and label is None:
            return day_start(day, self._timezone)
        listed = await self._listed(day, branch_id)
        start = start_in(listed, day, session=session, label=label, timezone=self._timezone)
        if start is None and day not in self._unread:
            self._unknown[day, session, branch_id, label] = None
        return start or day_start(day, self._timezone)

    def cautions(self) -> Iterator[Caution]:
        """What a person should know of the starts given so far; nothing where all is well."""
        about = {
            "windows_a_week_later": [str(day) for day in sorted(self._read_a_week_later)],
            "windows_unread": [str(day) for day in sorted(self._unread)],
            "unknown_session": [_named(*one) for one in self._unknown],
        }
        for code, these in about.items():
            if these:
                yield Caution(code=code, text=_TOLD[code].format(some(these)))

    def _next(self, begins: time) -> time | None:
        """When the next of the job file's sessions begins on the same day."""
        return min((other for other in self._sessions.values() if other > begins), default=None)

    async def _listed(self, day: date, branch_id: str | None) -> Sequence[Window]:
        """The branch's windows of that day.

        A branch that was closed first may have none: then those of the same weekday a week later.
        """
        listed = await self._windows(day)
        if listed is None:
            self._unread.add(day)
            return []
        here = _of_branch(listed, branch_id)
        if here or day > date.max - _WEEK:
            return here
        later = _of_branch(await self._windows(day + _WEEK) or [], branch_id)
        if later:
            self._read_a_week_later.add(day)
        return later

    async def _windows(self, day: date) -> Sequence[Window] | None:
        try:
            return await self._lookup.windows(day) if self._may_read else None
        except ScopeMissing:
            if self._needed:
                raise
            self._may_read = False
            return None


def start_in(
    windows: Sequence[Window],
    day: date,
    *,
    session: str | None,
    label: str | None,
    timezone: ZoneInfo,
) -> Start | None:
    """When a session begins among a day's windows; None where none of them is meant.

    Several windows may be meant: then from the beginning of the first to the end of the last. One
    that names no end lasts until the next session begins, or the day ends.
    """
    starts = [
        session_start(day, one.start, one.end or _next_session(one, windows), timezone)
        for one in windows
        if one.start is not None and _is_meant(session, one.session) and _is_meant(label, one.label)
    ]
    if not starts:
        return None
    return Start(
        min(one.earliest for one in starts),
        max(one.latest for one in starts),
        KnownBy.DAY if any(one.known_by is KnownBy.DAY for one in starts) else KnownBy.SESSION,
    )


def _next_session(window: Window, windows: Sequence[Window]) -> time | None:
    """When the next other session of the same branch begins."""
    later = [
        one.start
        for one in _of_branch(windows, window.branch_id)
        if one.start is not None and window.start is not None and one.start > window.start
        if as_meant(one.session or "") != as_meant(window.session or "")
    ]
    return min(later, default=None)


def _of_branch(windows: Sequence[Window], branch_id: str | None) -> list[Window]:
    return [one for one in windows if one.branch_id is None or _is_meant(branch_id, one.branch_id)]


def _is_meant(asked: str | None, told: str | None) -> bool:
    return asked is None or (told is not None and as_meant(asked) == as_meant(told))


def _said(text: str | None) -> str | None:
    """A cell of blanks says nothing."""
    return text if text and not text.isspace() else None


def some(names: Sequence[str], separator: str = "; ") -> str:
    """The first few of them, and how many more there are."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return separator.join(names[:_SHOWN]) + more


def _named(day: date, session: str | None, branch_id: str | None, label: str | None) -> str:
    """What a row or a record says, so that it cannot steer a terminal or fill it."""
    named = {"session": session, "branch": branch_id, "batch label": label}
    told = [f"{what} {name[:_SHOWN_LENGTH]!r}" for what, name in named.items() if name is not None]
    return " ".join([day.isoformat(), *told])

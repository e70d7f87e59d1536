from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from batchcancel.api import Record
from batchcancel.policy.starts import Starts, unknown_sessions

pytestmark = pytest.mark.anyio

KOLKATA = ZoneInfo("Asia/Kolkata")
DAY = date(2026, 6, 15)
MIDNIGHT = datetime(2026, 6, 14, 18, 30, tzinfo=UTC)


class Calendar:
    """A calendar in which every session begins at ten, and which remembers what it was asked."""

    def __init__(self, start: time | None = time(10)) -> None:
        self.start = start
        self.asked: list[tuple[date, str | None, str | None]] = []

    async def session_start(self, day, *, session, branch_id):
        self.asked.append((day, session, branch_id))
        return self.start


def starts(calendar: Calendar, timezone=KOLKATA, **sessions: time) -> Starts:
    return Starts(sessions=sessions, lookup=calendar, timezone=timezone)


def record(**fields) -> Record:
    known = {"date": DAY, "session": "Morning", "branch_id": "b1"} | fields
    return Record(appointment_id="a1", status="confirmed", **known)


async def test_the_job_files_sessions_win_in_any_case_and_ask_nobody():
    calendar = Calendar()

    assert await starts(calendar, MORNING=time(9)).local(DAY, "morning", None) == time(9)
    assert calendar.asked == []


@pytest.mark.parametrize("name", ["morning", "MORNING ", "  Morning\t"])
async def test_blanks_around_a_session_do_not_count_on_either_side(name):
    known = starts(Calendar(), **{" Morning": time(9)})
    assert await known.local(DAY, name, None) == time(9)


def test_sessions_without_a_start_are_named_as_the_manifest_writes_them():
    found = {(DAY, "Evning", "b1"): None, (DAY, None, None): None, (DAY, "Morning", None): time(9)}
    [told] = unknown_sessions(found)
    assert "unknown_session" == told.code
    assert "2026-06-15 session 'Evning' branch 'b1'; 2026-06-15: " in told.text
    assert "Morning" not in told.text


def test_where_every_session_has_a_start_nothing_is_told():
    assert [] == list(unknown_sessions({(DAY, "Morning", None): time(9)}))


def test_what_a_cell_holds_cannot_steer_a_terminal_or_fill_it():
    [told] = unknown_sessions({(DAY, "\x1b[2J" + "x" * 999 + str(n), None): None for n in range(9)})
    assert told.text.isprintable()
    assert "and 4 more" in told.text
    assert len(told.text) < 600


async def test_other_sessions_are_asked_of_the_calendar():
    calendar = Calendar()

    assert await starts(calendar, Morning=time(9)).local(DAY, "Evening", "b1") == time(10)
    assert calendar.asked == [(DAY, "Evening", "b1")]


async def test_a_record_starts_when_its_session_does():
    found = await starts(Calendar()).of_record(record())
    assert found == datetime(2026, 6, 15, 4, 30, tzinfo=UTC)


async def test_a_record_of_a_session_nobody_knows_starts_with_its_day():
    assert await starts(Calendar(None)).of_record(record(session=None)) == MIDNIGHT


async def test_a_record_without_a_day_has_no_start():
    assert await starts(Calendar()).of_record(record(date=None)) is None


async def test_without_a_timezone_no_start_is_known():
    assert await starts(Calendar(), timezone=None).of_record(record()) is None

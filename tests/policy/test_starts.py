from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from batchcancel.api import Record, Window
from batchcancel.appointments import KnownBy, Start
from batchcancel.events import Caution
from batchcancel.policy.starts import Starts, start_in

pytestmark = pytest.mark.anyio

KOLKATA = ZoneInfo("Asia/Kolkata")
DAY = date(2026, 6, 15)
WEEK = timedelta(weeks=1)
MORNING = Window(session="Morning", branch_id="b1", label="MA", start=time(9), end=time(11))
LATER = Window(session="Morning", branch_id="b1", label="MB", start=time(11), end=time(13))
EVENING = Window(session="Evening", branch_id="b1", label="EA", start=time(17), end=time(20))
OTHER = Window(session="Morning", branch_id="b2", label="MA", start=time(8), end=time(15))
ALL = [LATER, MORNING, EVENING, OTHER]


def at(hour: int, day: date = DAY) -> datetime:
    return datetime.combine(day, time(hour), KOLKATA).astimezone(UTC)


def by_session(begins: int, ends: int, day: date = DAY) -> Start:
    return Start(at(begins, day), at(ends, day), KnownBy.SESSION)


def whole(day: date) -> Start:
    return Start(at(0, day), at(0, day + timedelta(days=1)), KnownBy.DAY)


class Calendar:
    """Lists windows by day, nothing where it knows of none; remembers what it was asked."""

    def __init__(self, days: dict[date, list[Window] | None]) -> None:
        self.days = days
        self.asked: list[date] = []

    async def windows(self, day):
        self.asked.append(day)
        return self.days.get(day, [])


def starts(calendar: Calendar | None = None, timezone=KOLKATA, **sessions: time) -> Starts:
    lookup = calendar or Calendar({DAY: ALL})
    return Starts(sessions=sessions, lookup=lookup, timezone=timezone)


def record(**fields) -> Record:
    known = {"date": DAY, "session": "Morning", "branch_id": "b1", "label": "MA"} | fields
    return Record(appointment_id="a1", status="confirmed", **known)


def told(known: Starts) -> dict[str, str]:
    return {one.code: one.text for one in known.cautions()}


# By record


@pytest.mark.parametrize(("label", "expected"), [("MA", (9, 11)), ("MB", (11, 13))])
async def test_of_two_windows_of_a_session_the_batch_label_picks_one(label, expected):
    assert by_session(*expected) == await starts().of_record(record(label=label))


@pytest.mark.parametrize("text", ["ma", " MA ", "Ma\t"])
async def test_a_batch_label_is_compared_as_people_mean_it(text):
    assert by_session(9, 11) == await starts().of_record(record(label=text))


@pytest.mark.parametrize("changed", [{"label": "MC"}, {"session": "Afternoon"}, {"label": "EA"}])
async def test_a_label_that_its_session_does_not_list_tells_no_more_than_the_day(changed):
    known = starts()
    assert whole(DAY) == await known.of_record(record(**changed))
    assert "unknown_session" in told(known)


@pytest.mark.parametrize("label", [None, "", "  "])
async def test_without_a_label_a_session_lasts_from_its_first_window_to_its_last(label):
    assert by_session(9, 13) == await starts().of_record(record(label=label))


async def test_a_label_alone_picks_its_window():
    assert by_session(17, 20) == await starts().of_record(record(session=None, label="EA"))


async def test_a_record_without_a_day_has_no_start():
    assert await starts().of_record(record(date=None)) is None


async def test_without_a_timezone_no_start_is_known():
    assert await starts(timezone=None).of_record(record()) is None


# By the calendar


@pytest.mark.parametrize("session", ["Morning", "MORNING", "morning   ", "\tMorning"])
@pytest.mark.parametrize("branch_id", ["b2", "B2", " b2"])
async def test_session_and_branch_are_compared_as_people_mean_them(session, branch_id):
    assert by_session(8, 15) == await starts().of_session(DAY, session, branch_id)


async def test_without_a_branch_every_branch_counts():
    assert by_session(8, 15) == await starts().of_session(DAY, "Morning")


async def test_a_window_that_names_no_branch_is_every_branchs():
    anywhere = Window(session="Morning", start=time(9), end=time(11))
    assert by_session(9, 11) == await starts(Calendar({DAY: [anywhere]})).of_session(
        DAY, "Morning", "b7"
    )


@pytest.mark.parametrize("session", [None, "", "   "])
@pytest.mark.parametrize("branch_id", [None, "b1"])
async def test_a_day_without_a_session_is_the_day_and_nobody_is_asked(session, branch_id):
    calendar = Calendar({DAY: ALL})
    known = starts(calendar)
    assert whole(DAY) == await known.of_session(DAY, session, branch_id)
    assert ([], {}) == (calendar.asked, told(known))


@pytest.mark.parametrize(
    "windows",
    [
        [EVENING],
        [Window(session="Morning", branch_id="b1", end=time(9))],
        [Window(branch_id="b1", start=time(9))],
    ],
    ids=["another session", "no start to be read", "no session"],
)
async def test_a_session_that_the_calendar_leaves_out_is_known_by_its_day_and_named(windows):
    calendar = Calendar({DAY: windows, DAY + WEEK: ALL})
    known = starts(calendar)
    assert whole(DAY) == await known.of_session(DAY, "Morning", "b1")
    assert [DAY] == calendar.asked
    assert "2026-06-15 session 'Morning' branch 'b1': " in told(known)["unknown_session"]


def a_morning(**changes) -> Window:
    return Window(**({"session": "Morning", "branch_id": "b1", "start": time(9)} | changes))


@pytest.mark.parametrize(
    ("windows", "ends"),
    [
        ([a_morning(), EVENING], 17),
        ([a_morning(), a_morning(start=time(11)), EVENING], 17),
        ([a_morning(), a_morning(session="Evening", branch_id=None, start=time(16))], 16),
        ([a_morning(), a_morning(session="Evening", branch_id="b2", start=time(12))], 24),
        ([a_morning(), a_morning(session="Early", start=time(7))], 24),
        ([a_morning(end=time(10)), a_morning(start=time(11)), EVENING], 17),
        ([a_morning(), a_morning(session=" MORNING", start=time(11))], 24),
    ],
)
async def test_a_window_without_an_end_lasts_until_the_next_session_of_its_branch(windows, ends):
    day = DAY + timedelta(days=ends // 24)
    expected = Start(at(9), at(ends % 24, day), KnownBy.SESSION)
    assert expected == start_in(windows, DAY, session="Morning", label=None, timezone=KOLKATA)


async def test_another_window_of_the_same_session_is_not_the_next_session():
    windows = [a_morning(label="MA"), a_morning(label="MB", start=time(11)), EVENING]
    assert by_session(9, 17) == start_in(
        windows, DAY, session="Morning", label="MA", timezone=KOLKATA
    )


# By a later week


@pytest.mark.parametrize("there", [[], [OTHER]], ids=["no window at all", "none of the branch"])
async def test_where_a_day_lists_no_window_the_same_weekday_a_week_later_counts(there):
    calendar = Calendar({DAY: there, DAY + WEEK: ALL})
    known = starts(calendar)
    assert by_session(9, 13) == await known.of_session(DAY, "Morning", "b1")
    assert [DAY, DAY + WEEK] == calendar.asked
    assert ["windows_a_week_later"] == [*told(known)]
    assert "2026-06-15" in told(known)["windows_a_week_later"]


async def test_a_week_later_the_batch_label_picks_the_window_too():
    known = starts(Calendar({DAY + WEEK: ALL}))
    assert by_session(11, 13) == await known.of_record(record(label="MB"))


async def test_where_nothing_is_listed_a_week_later_either_only_the_day_is_known():
    calendar = Calendar({DAY + 2 * WEEK: ALL})
    known = starts(calendar)
    assert whole(DAY) == await known.of_session(DAY, "Morning", "b1")
    assert ["unknown_session"] == [*told(known)]
    assert [DAY, DAY + WEEK] == calendar.asked


async def test_windows_that_cannot_be_had_are_not_looked_for_a_week_later():
    calendar = Calendar({DAY: None, DAY + WEEK: ALL})
    known = starts(calendar)
    assert whole(DAY) == await known.of_session(DAY, "Morning", "b1")
    assert [DAY] == calendar.asked
    assert ["windows_unread"] == [*told(known)]
    assert "of 2026-06-15. " in told(known)["windows_unread"]


async def test_the_last_week_of_the_calendar_has_none_later():
    last = date(9999, 12, 30)
    assert whole(last) == await starts(Calendar({})).of_session(last, "Morning")


# By the job file


@pytest.mark.parametrize("name", ["morning", "MORNING ", "  Morning\t"])
async def test_the_job_files_sessions_win_in_any_case_and_ask_nobody(name):
    calendar = Calendar({DAY: ALL})
    known = starts(calendar, **{" MORNING": time(10)})
    assert Start(at(10), whole(DAY).latest, KnownBy.SESSION) == await known.of_session(DAY, name)
    assert [] == calendar.asked


async def test_a_session_of_the_job_file_lasts_until_the_next_of_them_begins():
    known = starts(Night=time(22), Morning=time(9), Noon=time(12))
    assert by_session(9, 12) == await known.of_session(DAY, "Morning")
    assert Start(at(22), whole(DAY).latest, KnownBy.SESSION) == await known.of_session(DAY, "night")


# What is told


async def test_where_every_session_has_a_start_nothing_is_told():
    known = starts()
    await known.of_record(record())
    assert {} == told(known)


async def test_unknown_sessions_are_named_once_as_they_were_written():
    known = starts()
    for _ in range(2):
        await known.of_session(DAY, "Evning", "b1")
        await known.of_record(record(label="MX"))
    text = told(known)["unknown_session"]
    assert 1 == text.count("2026-06-15 session 'Evning' branch 'b1'")
    assert 1 == text.count("2026-06-15 session 'Morning' branch 'b1' batch label 'MX'")


async def test_what_a_cell_holds_cannot_steer_a_terminal_or_fill_it():
    known = starts()
    for number in range(9):
        await known.of_session(DAY, "\x1b[2J" + "x" * 999 + str(number))
    [caution] = known.cautions()
    assert isinstance(caution, Caution)
    assert caution.text.isprintable()
    assert "and 4 more" in caution.text
    assert len(caution.text) < 700

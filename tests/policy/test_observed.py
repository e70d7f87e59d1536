from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.api import PAGE, Record
from batchcancel.appointments import Outcome, OutcomeName, Said, SkipReason
from batchcancel.policy.observed import (
    MAX_MISSES,
    MIN_HITS,
    SENDABLE,
    has_moved,
    outcome_of,
    prefetch_starts,
    skip_of,
)
from batchcancel.policy.starts import Starts

pytestmark = pytest.mark.anyio

FIRST_DAY = date(2026, 6, 15)
START = datetime(2026, 6, 15, 9, tzinfo=UTC)


class Clinic:
    """Records by id, each on its day; counts what it is asked."""

    def __init__(self, days: dict[str, int | None]) -> None:
        self._records = {name: self._record(name, day) for name, day in days.items()}
        self.records = 0
        self.pages = 0

    def _record(self, name: str, day: int | None) -> Record:
        on = None if day is None else FIRST_DAY + timedelta(days=day)
        return Record(appointment_id=name, status="confirmed", date=on, session="Morning")

    async def record(self, appointment_id):
        self.records += 1
        return self._records.get(appointment_id)

    async def page_of_day(self, day, *, page):
        self.pages += 1
        of_day = [one for one in self._records.values() if one.date == day]
        return of_day[(page - 1) * PAGE : page * PAGE]

    async def session_start(self, day, *, session, branch_id):
        return time(9)


async def search(clinic: Clinic, ids: list[str]) -> dict[str, datetime]:
    starts = Starts(sessions={}, lookup=clinic, timezone=ZoneInfo("UTC"))
    found = await prefetch_starts(ids, lookup=clinic, starts=starts)
    assert len(found) == len(dict(found))
    return dict(found)


def names(count: int) -> list[str]:
    return [f"a{number:04d}" for number in range(count)]


async def test_a_closed_day_of_450_takes_one_record_and_three_pages():
    clinic = Clinic(dict.fromkeys(names(450), 0))

    found = await search(clinic, names(450))

    assert dict.fromkeys(names(450), START) == found
    assert (clinic.records, clinic.pages) == (1, 3)


async def test_a_closure_of_two_days_takes_two_searches():
    clinic = Clinic({name: number % 2 for number, name in enumerate(names(300))})

    assert len(await search(clinic, names(300))) == 300
    assert (clinic.records, clinic.pages) == (2, 2)


async def test_scattered_appointments_end_the_search_after_a_few_pages():
    clinic = Clinic({name: number for number, name in enumerate(names(300))})

    assert sorted(await search(clinic, names(300))) == names(MAX_MISSES)
    assert (clinic.records, clinic.pages) == (MAX_MISSES, MAX_MISSES)


async def test_a_page_of_strangers_ends_the_search_of_its_day():
    days = {f"stranger{number:04d}": 0 for number in range(1000)} | dict.fromkeys(names(50), 0)
    clinic = Clinic(days)

    await search(clinic, names(50))

    assert (clinic.records, clinic.pages) == (MAX_MISSES, 1)


@pytest.mark.parametrize("pages", [1, 2])
async def test_a_server_that_gives_its_last_page_for_ever_is_asked_for_it_twice(pages):
    clinic = Clinic(dict.fromkeys(names(pages * PAGE), 0))
    whole = clinic.page_of_day

    async def clamped(day, *, page):
        return await whole(day, page=min(page, pages))

    clinic.page_of_day = clamped
    found = await search(clinic, names(1000))
    assert pages * PAGE == len(found)
    assert clinic.pages == pages + 1
    assert clinic.records <= 1 + MAX_MISSES


@pytest.mark.parametrize("count", range(MIN_HITS))
async def test_a_handful_is_not_worth_a_search(count):
    clinic = Clinic(dict.fromkeys(names(count), 0))

    assert await search(clinic, names(count)) == {}
    assert clinic.records == clinic.pages == 0


async def test_strangers_on_the_pages_are_not_taken_over():
    clinic = Clinic(dict.fromkeys([*names(5), "stranger"], 0))
    assert sorted(await search(clinic, names(5))) == names(5)


@pytest.mark.parametrize("days", [{}, dict.fromkeys(names(9), None)], ids=["absent", "dayless"])
async def test_ids_without_a_record_or_a_day_cost_a_few_requests_and_are_not_invented(days):
    clinic = Clinic(days)

    assert await search(clinic, names(9)) == {}
    assert (clinic.records, clinic.pages) == (MAX_MISSES, 0)


async def test_one_absent_id_does_not_hide_a_closed_day():
    clinic = Clinic(dict.fromkeys(names(450)[1:], 0))
    assert len(await search(clinic, names(450))) == 449


async def test_a_search_that_the_api_refuses_leaves_the_rest_for_later():
    clinic = Clinic(dict.fromkeys(names(9), 0))

    async def refused(day, *, page):
        return None

    clinic.page_of_day = refused
    assert sorted(await search(clinic, names(9))) == names(MAX_MISSES)


@settings(deadline=None)
@given(days=st.lists(st.none() | st.integers(-1, 3), max_size=40))
def test_what_is_found_was_asked_for_and_has_its_own_start(days):
    wanted = dict(zip(names(len(days)), days, strict=True))
    clinic = Clinic({name: day for name, day in wanted.items() if day != -1})

    found = anyio.run(search, clinic, list(wanted))

    assert {name: START + timedelta(days=wanted[name]) for name in found} == found


DAY = date(2026, 1, 4)
NORTH = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"


def record(**fields) -> Record:
    known = {"status": "confirmed", "date": DAY, "session": "Morning", "branch_id": NORTH}
    return Record(appointment_id="a", **known | fields)


@pytest.mark.parametrize(
    "said",
    [
        Said(),
        Said(DAY),
        Said(DAY, "Morning", NORTH),
        Said(DAY, "  MORNING ", NORTH.upper()),
        Said(None, "Morning"),
    ],
)
def test_what_is_where_the_manifest_says_has_not_moved(said):
    assert not has_moved(said, record())


@pytest.mark.parametrize(
    "said",
    [
        Said(date(2026, 1, 11)),
        Said(DAY, "Afternoon"),
        Said(DAY, "Morning", NORTH[::-1]),
        Said(None, "Evening"),
        Said(date(2026, 1, 3), "Morning", NORTH),
    ],
)
def test_another_day_session_or_branch_is_moved(said):
    assert has_moved(said, record())


def test_what_the_record_leaves_open_has_not_moved():
    said = Said(date(2026, 1, 11), "Evening", "elsewhere")
    assert not has_moved(said, record(date=None, session=None, branch_id=None))


STATUSES = [
    ("confirmed", None),
    ("rescheduled", None),
    ("cancelled", None),
    ("completed", SkipReason.COMPLETED),
    ("COMPLETED", SkipReason.UNKNOWN_STATUS),
    ("Confirmed", SkipReason.UNKNOWN_STATUS),
    ("confirmed ", SkipReason.UNKNOWN_STATUS),
    ("in_progress", SkipReason.UNKNOWN_STATUS),
    ("no_show", SkipReason.UNKNOWN_STATUS),
    ("", SkipReason.UNKNOWN_STATUS),
]


@pytest.mark.parametrize(("status", "reason"), STATUSES)
def test_a_status_counts_to_the_letter(status, reason):
    assert skip_of(Said(DAY), record(status=status), statuses=SENDABLE) is reason


@pytest.mark.parametrize(("status", "reason"), STATUSES)
def test_what_a_record_is_comes_before_where_it_is(status, reason):
    moved = SkipReason.MOVED if status in SENDABLE else reason
    assert skip_of(Said(date(2026, 1, 5)), record(status=status), statuses=SENDABLE) is moved


def test_the_statuses_that_are_named_are_sent_and_no_others():
    named = ("confirmed", "no_show")
    reasons = [skip_of(Said(), record(status=one), statuses=named) for one in (*named, *SENDABLE)]
    assert reasons == [None, None, None, SkipReason.UNKNOWN_STATUS]


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_visit_that_took_place_or_will_not_is_never_sent(status):
    assert outcome_of(Said(), record(status=status), statuses=(status,)) is not None


def test_a_record_alone_ends_a_row_or_leaves_it_to_be_cancelled():
    ends = {
        status: outcome_of(Said(DAY), record(status=status), statuses=SENDABLE)
        for status in ("confirmed", "cancelled", "completed")
    }
    assert ends == {
        "confirmed": None,
        "cancelled": Outcome(OutcomeName.ALREADY_CANCELLED),
        "completed": Outcome(OutcomeName.SKIPPED, SkipReason.COMPLETED),
    }

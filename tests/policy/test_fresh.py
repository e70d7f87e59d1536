"""When an appointment is looked at once more before it is sent, and for how many requests."""

from datetime import UTC, date, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest

from batchcancel.api import PAGE, Page, Record
from batchcancel.appointments import Appointment, Said
from batchcancel.policy.fresh import OLD, Fresh
from batchcancel.policy.pages import Budget

pytestmark = pytest.mark.anyio

DAY = date(2026, 6, 15)
PLANNED = datetime(2026, 6, 1, 6, tzinfo=UTC)


def names(count: int) -> list[str]:
    return [f"a{number:04d}" for number in range(count)]


class Clinic:
    """A day of records, and a clock that is set by hand."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self.statuses: dict[str, str] = {}
        self.pages: list[int] = []
        self.at = PLANNED

    def now(self) -> datetime:
        return self.at

    def grow_old(self) -> None:
        self.at += 2 * OLD

    async def page_of_day(self, day, *, page, part=None):
        self.pages.append(page)
        await anyio.lowlevel.checkpoint()
        ids = self.ids[(page - 1) * PAGE : page * PAGE]
        records = [
            Record(appointment_id=one, status=self.statuses.get(one, "confirmed"), date=day)
            for one in ids
        ]
        return Page(records, len(records))


def fresh(clinic: Clinic, *, rows: int, budget: int = 20) -> Fresh:
    return Fresh({DAY: rows}, lookup=clinic, now=clinic.now, budget=Budget(budget))


def seen(name: str, **fields) -> Appointment:
    return Appointment(appointment_id=name, **{"page": DAY, "observed_at": PLANNED} | fields)


async def must_read(at: Fresh, ids: list[str]) -> list[bool]:
    return [await at.must_read(seen(one)) for one in ids]


def shown(at: Fresh, ids: list[str]) -> list[str]:
    return [one for one in ids if at.last_word(one) is not None]


async def test_what_was_seen_within_ten_minutes_stands():
    clinic = Clinic(names(5))
    clinic.at += OLD
    at = fresh(clinic, rows=5)
    assert not any(await must_read(at, names(5)))
    assert clinic.pages == [] == shown(at, names(5))


@pytest.mark.promise(19)
@pytest.mark.parametrize("known", [{"page": None}, {"observed_at": PLANNED + 2 * OLD}])
async def test_pages_that_were_renewed_for_others_tell_of_a_row_too(known):
    clinic = Clinic(names(5))
    clinic.grow_old()
    at = fresh(clinic, rows=5)
    await at.must_read(seen("a0000"))
    assert not await at.must_read(seen("a0001", **known))
    assert "a0001" == at.last_word("a0001").record.appointment_id
    assert clinic.pages == [1]


@pytest.mark.promise(19)
async def test_what_a_page_showed_last_is_known_although_later_pages_do_not_show_it():
    clinic = Clinic(names(5))
    at = fresh(clinic, rows=9)
    clinic.statuses = {"a0003": "completed"}
    for ids in (names(5), names(3)):
        clinic.grow_old()
        clinic.ids = ids
        await at.must_read(seen("a0000"))
    assert at.last_word("a0003") is not None
    assert "completed" == at.last_word("a0003").record.status
    assert clinic.pages == [1, 1]


@pytest.mark.promise(19)
async def test_each_page_tells_as_soon_as_it_is_read():
    clinic = Clinic(names(PAGE + 5))
    clinic.grow_old()
    at, known = fresh(clinic, rows=300), []
    whole = clinic.page_of_day

    async def noting(day, *, page, part):
        known.append(len(shown(at, names(300))))
        return await whole(day, page=page, part=part)

    clinic.page_of_day = noting
    await at.must_read(seen(f"a{PAGE:04d}"))
    assert known == [0, PAGE]


@pytest.mark.promise(19)
async def test_what_a_page_showed_cancelled_stays_so_called_when_it_is_alive_again():
    clinic = Clinic(names(5))
    at = fresh(clinic, rows=9)
    for status in ("confirmed", "cancelled", "confirmed"):
        clinic.grow_old()
        clinic.statuses = {"a0003": status}
        await at.must_read(seen("a0000"))
    assert at.last_word("a0003").was_cancelled
    assert not at.last_word("a0002").was_cancelled


async def test_rows_in_the_order_of_the_pages_need_each_page_once_however_long_that_takes():
    clinic = Clinic(names(5 * PAGE - 1))
    clinic.grow_old()
    at = fresh(clinic, rows=5 * PAGE)
    for number, one in enumerate(clinic.ids[PAGE:]):
        before, clinic.at = len(clinic.pages), clinic.at + timedelta(seconds=1.0)
        assert not await at.must_read(seen(one))
        assert len(clinic.pages) - before == {0: 2}.get(number, number % PAGE == 0)
    assert clinic.pages == [1, 2, 3, 4, 5]


async def test_what_has_grown_old_since_is_looked_for_from_the_first_page_on():
    clinic = Clinic(names(3 * PAGE - 1))
    at = fresh(clinic, rows=3 * PAGE)
    for _ in range(2):
        clinic.grow_old()
        assert not any(await must_read(at, ["a0250", "a0001"]))
    assert clinic.pages == [1, 2] * 2


async def test_the_pages_of_a_session_are_those_of_its_rows():
    clinic, asked = Clinic(names(9)), []
    whole = clinic.page_of_day

    async def noting(day, *, page, part):
        asked.append(dict(part))
        return await whole(day, page=page, part=part)

    clinic.page_of_day = noting
    clinic.grow_old()
    for session in ("Morning", None):
        at = fresh(clinic, rows=9)
        await at.must_read(seen("a0001", seen=Said(session=session)))
    shuffled = Fresh({DAY: 9}, lookup=clinic, now=clinic.now, budget=Budget(9), shuffled=[DAY])
    await shuffled.must_read(seen("a0001", seen=Said(session="Morning")))
    assert asked == [{"session": "Morning"}, {}, {}]


async def test_older_observations_of_a_day_are_renewed_together():
    clinic = Clinic(names(250))
    clinic.at += OLD + timedelta(seconds=1)
    at = fresh(clinic, rows=250)
    assert not any(await must_read(at, names(250)))
    assert names(250) == shown(at, names(250))
    assert clinic.pages == [1, 2]


async def test_workers_that_come_at_the_same_time_read_the_pages_once():
    clinic = Clinic(names(8))
    clinic.grow_old()
    at = fresh(clinic, rows=8)
    async with anyio.create_task_group() as group:
        for one in names(8):
            group.start_soon(at.must_read, seen(one))
    assert clinic.pages == [1]


async def test_what_was_renewed_grows_old_too():
    clinic = Clinic(names(9))
    at = fresh(clinic, rows=9)
    for _ in range(2):
        clinic.at += OLD + timedelta(seconds=1)
        assert not any(await must_read(at, ["a0001", "a0002"]))
    assert clinic.pages == [1, 1]


async def test_what_is_no_longer_on_its_day_is_read_by_itself_whatever_the_budget():
    clinic = Clinic(names(9))
    at = fresh(clinic, rows=10, budget=2)
    for ids in (names(9), names(8)):  # what an earlier renewal showed of it does not count
        clinic.grow_old()
        clinic.ids = ids
        assert [ids == names(8)] == await must_read(at, ["a0008"])


async def test_where_pages_keep_no_order_only_the_budget_pays_for_a_read():
    clinic = Clinic([*names(PAGE), *names(205)[195:]])
    clinic.grow_old()
    at = fresh(clinic, rows=300, budget=3)
    assert [True, False] == await must_read(at, ["x", "y"])


async def test_a_server_that_ignores_the_number_of_a_page_accuses_nobody():
    clinic = Clinic(names(PAGE))
    whole = clinic.page_of_day

    async def first(day, *, page, part):
        return await whole(day, page=1)

    clinic.page_of_day = first
    clinic.grow_old()
    assert [False] == await must_read(fresh(clinic, rows=300, budget=2), ["beyond"])


async def test_the_last_rows_of_a_day_are_read_by_themselves():
    clinic = Clinic(names(2))
    clinic.grow_old()
    assert [True, False] == await must_read(fresh(clinic, rows=2, budget=1), names(2))
    assert clinic.pages == []


async def test_beyond_the_budget_older_observations_stand():
    clinic = Clinic(names(500))
    clinic.grow_old()
    at = fresh(clinic, rows=500, budget=1)
    assert not any(await must_read(at, names(500)))
    assert names(PAGE) == shown(at, names(500))


async def test_pages_that_cannot_be_had_accuse_nobody():
    clinic = Clinic(names(9))
    clinic.grow_old()

    async def refused(day, *, page, part):
        return None

    clinic.page_of_day = refused
    assert [False] == await must_read(fresh(clinic, rows=9, budget=1), ["a0001"])


async def test_what_was_never_seen_is_left_to_its_turn_and_what_was_missed_is_read():
    at = fresh(Clinic([]), rows=0)
    assert not await at.must_read(seen("a", page=None, observed_at=None))
    assert await at.must_read(seen("a", page=None, observed_at=None, is_missed=True))


async def test_no_more_days_are_kept_than_fit_into_memory(monkeypatch):
    monkeypatch.setattr("batchcancel.policy.fresh._MOST_KEPT", 7)
    clinic = Clinic(names(8))
    days = [DAY + timedelta(days=number) for number in range(3)]
    at = Fresh(dict.fromkeys(days, 8), lookup=clinic, now=clinic.now, budget=Budget(9))
    clinic.grow_old()
    for number, day in enumerate((*days, days[0])):
        clinic.ids = [f"{day} {one}" for one in names(8)]
        await at.must_read(seen(f"{day} a000{number}", page=day))
    assert clinic.pages == [1] * 4

"""When an appointment is looked at once more before it is sent, and for how many requests."""

from datetime import UTC, date, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest

from batchcancel.api import PAGE, Record
from batchcancel.appointments import Appointment
from batchcancel.policy.fresh import OLD, Fresh, Look
from batchcancel.policy.pages import Budget

pytestmark = pytest.mark.anyio

DAY = date(2026, 6, 15)
PLANNED = datetime(2026, 6, 1, 6, tzinfo=UTC)
STANDS, MUST_READ = Look(), Look(must_read=True)


def names(count: int) -> list[str]:
    return [f"a{number:04d}" for number in range(count)]


class Clinic:
    """A day of records, and a clock that is set by hand."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self.pages: list[int] = []
        self.at = PLANNED

    def now(self) -> datetime:
        return self.at

    async def page_of_day(self, day, *, page):
        self.pages.append(page)
        await anyio.lowlevel.checkpoint()
        ids = self.ids[(page - 1) * PAGE : page * PAGE]
        return [Record(appointment_id=one, status="confirmed", date=day) for one in ids]


def fresh(clinic: Clinic, *, rows: int, budget: int = 20) -> Fresh:
    return Fresh({DAY: rows}, lookup=clinic, now=clinic.now, budget=Budget(budget))


def seen(name: str, **fields) -> Appointment:
    return Appointment(appointment_id=name, **{"page": DAY, "observed_at": PLANNED} | fields)


async def looks(at: Fresh, ids: list[str]) -> dict[str, Look]:
    return {one: await at.look(seen(one)) for one in ids}


async def test_what_was_seen_within_ten_minutes_stands():
    clinic = Clinic(names(5))
    clinic.at += OLD
    assert await looks(fresh(clinic, rows=5), names(5)) == dict.fromkeys(names(5), STANDS)
    assert clinic.pages == []


@pytest.mark.promise(19)
@pytest.mark.parametrize("known", [{"page": None}, {"observed_at": PLANNED + 2 * OLD}])
async def test_pages_that_were_renewed_for_others_tell_of_a_row_too(known):
    clinic = Clinic(names(5))
    clinic.at += 2 * OLD
    at = fresh(clinic, rows=5)
    await at.look(seen("a0000"))
    look = await at.look(seen("a0001", **known))
    assert "a0001" == look.record.appointment_id
    assert clinic.pages == [1]


async def test_older_observations_of_a_day_are_renewed_together():
    clinic = Clinic(names(250))
    clinic.at += OLD + timedelta(seconds=1)
    found = await looks(fresh(clinic, rows=250), names(250))

    assert {one: look.record.appointment_id for one, look in found.items()} == {
        one: one for one in names(250)
    }
    assert clinic.pages == [1, 2]


async def test_workers_that_come_at_the_same_time_read_the_pages_once():
    clinic = Clinic(names(8))
    clinic.at += 2 * OLD
    at = fresh(clinic, rows=8)
    async with anyio.create_task_group() as group:
        for one in names(8):
            group.start_soon(at.look, seen(one))
    assert clinic.pages == [1]


async def test_what_was_renewed_grows_old_too():
    clinic = Clinic(names(9))
    at = fresh(clinic, rows=9)
    for _ in range(2):
        clinic.at += OLD + timedelta(seconds=1)
        assert (await at.look(seen("a0001"))).record is not None
        assert (await at.look(seen("a0002"))).record is not None
    assert clinic.pages == [1, 1]


async def test_what_is_no_longer_on_its_day_is_read_by_itself_whatever_the_budget():
    clinic = Clinic(names(9))
    clinic.at += 2 * OLD
    at = fresh(clinic, rows=10, budget=1)
    assert await at.look(seen("moved")) == MUST_READ


async def test_where_pages_keep_no_order_only_the_budget_pays_for_a_read():
    clinic = Clinic([*names(PAGE), *names(205)[195:]])
    clinic.at += 2 * OLD
    at = fresh(clinic, rows=300, budget=3)
    assert [await at.look(seen(one)) for one in ("x", "y")] == [MUST_READ, STANDS]


async def test_a_server_that_ignores_the_number_of_a_page_accuses_nobody():
    clinic = Clinic(names(PAGE))
    whole = clinic.page_of_day

    async def first(day, *, page):
        return await whole(day, page=1)

    clinic.page_of_day = first
    clinic.at += 2 * OLD
    at = fresh(clinic, rows=300, budget=2)
    assert await at.look(seen("beyond")) == STANDS


async def test_the_last_rows_of_a_day_are_read_by_themselves():
    clinic = Clinic(names(2))
    clinic.at += 2 * OLD
    at = fresh(clinic, rows=2, budget=1)
    assert await looks(at, names(2)) == {"a0000": MUST_READ, "a0001": STANDS}
    assert clinic.pages == []


async def test_beyond_the_budget_older_observations_stand():
    clinic = Clinic(names(500))
    clinic.at += 2 * OLD
    found = await looks(fresh(clinic, rows=500, budget=1), names(500))
    assert [look.record is None for look in found.values()] == [False] * PAGE + [True] * 300
    assert set(found.values()) >= {STANDS}
    assert MUST_READ not in found.values()


async def test_pages_that_cannot_be_had_accuse_nobody():
    clinic = Clinic(names(9))
    clinic.at += 2 * OLD

    async def refused(day, *, page):
        return None

    clinic.page_of_day = refused
    at = fresh(clinic, rows=9, budget=1)
    assert await at.look(seen("a0001")) == STANDS


async def test_what_was_never_seen_is_left_to_its_turn_and_what_was_missed_is_read():
    at = fresh(Clinic([]), rows=0)
    assert await at.look(seen("a", page=None, observed_at=None)) == STANDS
    assert await at.look(seen("a", page=None, observed_at=None, is_missed=True)) == MUST_READ


async def test_no_more_days_are_kept_than_fit_into_memory(monkeypatch):
    monkeypatch.setattr("batchcancel.policy.fresh._MOST_KEPT", 10)
    clinic = Clinic(names(8))
    days = [DAY + timedelta(days=number) for number in range(3)]
    at = Fresh(dict.fromkeys(days, 8), lookup=clinic, now=clinic.now, budget=Budget(9))
    clinic.at += 2 * OLD
    for day in days:
        await at.look(seen("a0001", page=day))
    await at.look(seen("a0001", page=days[0]))
    assert clinic.pages == [1] * 4

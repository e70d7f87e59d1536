"""Which pages and records are read, and how many requests that takes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.api import PAGE, Answer, Meaning, Page, Record
from batchcancel.errors import ScopeMissing, StoppedEarly
from batchcancel.policy.pages import MAX_MISSES, Budget, Reading

pytestmark = pytest.mark.anyio

DAY = date(2026, 6, 15)
NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)


def on(number: int) -> date:
    return DAY + timedelta(days=number)


class Clinic:
    """Records by id, each on its day; counts what it is asked. With `random`, in any order."""

    def __init__(
        self, days: dict[str, int | None], *, random: Random | None = None, limit: int = PAGE
    ) -> None:
        self.days = {name: None if day is None else on(day) for name, day in days.items()}
        self.singles: list[str] = []
        self.pages: list[date] = []
        self._random, self._limit = random, limit

    @property
    def requests(self) -> int:
        return len(self.singles) + len(self.pages)

    def _record(self, name: str) -> Record:
        return Record(
            appointment_id=name, status="confirmed", date=self.days[name], session="Morning"
        )

    async def read(self, appointment_id):
        self.singles.append(appointment_id)
        if appointment_id not in self.days:
            return Answer(meaning=Meaning.ABSENT, code="NOT_FOUND")
        record = self._record(appointment_id)
        return Answer(meaning=Meaning.PROVED, code="200", record=record)

    async def page_of_day(self, day, *, page, part=None):
        self.pages.append(day)
        names = [name for name, of_name in self.days.items() if of_name == day]
        if self._random is not None:
            self._random.shuffle(names)
        return self._page(self._cut(names, page))

    def _page(self, names):
        return Page([self._record(name) for name in names], len(names))

    def _cut(self, names, page):
        return names[(page - 1) * self._limit : page * self._limit]


async def read(clinic: Clinic, wanted: dict[str, int | None], *, budget=None, halt_after=20):
    """What is read of rows that name such days, and the ids that were seen."""
    by_day: dict[date | None, list[str]] = {}
    for name, day in wanted.items():
        by_day.setdefault(None if day is None else on(day), []).append(name)
    reading = await Reading(
        by_day=by_day,
        lookup=clinic,
        now=lambda: NOW,
        budget=Budget.for_rows(len(wanted)) if budget is None else Budget(budget),
        halt_after=halt_after,
    ).read()
    seen = reading.records.frame().get_column("appointment_id").to_list()
    assert len(seen) == len(set(seen))
    return reading, set(seen)


def names(count: int, *, start: int = 0) -> list[str]:
    return [f"a{number:05d}" for number in range(start, start + count)]


def closed(count: int, day: int | None = 0) -> dict[str, int | None]:
    return dict.fromkeys(names(count), day)


def strangers(count: int, day: int = 0) -> dict[str, int | None]:
    return dict.fromkeys((f"s{number:05d}" for number in range(count)), day)


@pytest.mark.parametrize(("rows", "requests"), [(0, 20), (19, 20), (20, 21), (600, 50)])
def test_the_budget_is_a_request_for_twenty_rows_and_twenty(rows, requests):
    budget = Budget.for_rows(rows)
    assert [budget.spend() for _ in range(requests + 1)] == [True] * requests + [False]


async def test_a_closed_day_of_600_takes_three_pages():
    clinic = Clinic(closed(600))
    reading, seen = await read(clinic, closed(600))

    assert set(names(600)) == seen
    assert (clinic.pages, clinic.singles) == ([DAY] * 3, [])
    assert (reading.not_shown, reading.missed) == (0, [])


@pytest.mark.parametrize("limit", [50, 100])
async def test_a_server_whose_pages_are_shorter_than_asked_for_is_read_to_its_end(limit):
    clinic = Clinic(strangers(30) | closed(600), limit=limit)
    reading, seen = await read(clinic, closed(600) | {"gone": 0})

    assert set(names(600)) == seen
    assert (len(clinic.pages), clinic.singles) == (630 // limit + 1, ["gone"])
    assert (reading.not_shown, reading.absent) == (1, {"gone"})


@pytest.mark.parametrize("seed", range(10))
async def test_a_closed_day_whose_pages_keep_no_order_is_seen_for_29_requests(seed):
    clinic = Clinic(closed(600), random=Random(seed))
    _, seen = await read(clinic, closed(600))

    assert set(names(600)) == seen
    assert clinic.requests <= 29


@pytest.mark.parametrize("random", [None, Random(1)])
async def test_twenty_days_of_500_are_seen_for_less_than_300_requests(random):
    days = {name: number % 20 for number, name in enumerate(names(10_000))}
    clinic = Clinic(days, random=random)
    _, seen = await read(clinic, days)

    assert set(names(10_000)) == seen
    assert clinic.requests <= 299


@pytest.mark.parametrize("seed", range(10))
async def test_a_day_whose_pages_keep_no_order_is_read_in_parts_that_fit_on_a_page(seed):
    class Divided(Clinic):
        """Six sessions, so many that none fills a page; their records tell which."""

        def _record(self, name):
            return replace(super()._record(name), session=f"S{int(name[1:]) % 6}")

        async def page_of_day(self, day, *, page, part=None):
            self.part = part or {}
            return await super().page_of_day(day, page=page)

        def _cut(self, names, page):
            session = self.part.get("session")
            mine = [one for one in names if session in (None, self._record(one).session)]
            return super()._cut(mine, page)

    clinic = Divided(closed(600), random=Random(seed))
    reading, seen = await read(clinic, closed(600))
    assert set(names(600)) == seen
    assert (clinic.requests <= 8, reading.not_shown) == (True, 0)


@pytest.mark.promise(19)
async def test_what_a_later_page_shows_of_a_row_counts():
    class Shifting(Clinic):
        """Somebody cancels the first while pages are read, and it is shown once more."""

        async def page_of_day(self, day, *, page, part=None):
            found = await super().page_of_day(day, page=page)
            again = replace(self._record("a00000"), status="cancelled")
            return found if page == 1 else Page([*found.records, again], found.length + 1)

    reading, _ = await read(Shifting(closed(300)), closed(300))
    seen = reading.records.frame().select("appointment_id", "observed_status")
    assert {"a00000": "cancelled"} == {
        one: how for one, how in seen.iter_rows() if how != "confirmed"
    }


async def test_ids_alone_take_one_record_and_the_pages_of_its_day():
    clinic = Clinic(closed(600))
    _, seen = await read(clinic, closed(600, None))

    assert set(names(600)) == seen
    assert (clinic.pages, clinic.singles) == ([DAY] * 3, ["a00000"])


async def test_ids_of_two_days_take_a_record_and_pages_of_each():
    clinic = Clinic({name: number % 2 for number, name in enumerate(names(310))})
    _, seen = await read(clinic, closed(310, None))

    assert len(seen) == 310
    assert (len(clinic.singles), len(clinic.pages)) == (2, 2)


async def test_scattered_ids_are_read_one_by_one_within_the_budget():
    clinic = Clinic({name: number for number, name in enumerate(names(300))})
    reading, seen = await read(clinic, closed(300, None))

    assert clinic.requests == 300 // 20 + 20
    assert (len(seen), len(clinic.pages)) == (clinic.requests - MAX_MISSES, MAX_MISSES)
    assert reading.missed == []


async def test_a_row_that_its_pages_do_not_show_is_read_by_itself():
    clinic = Clinic(closed(300) | {"a00007": 7})
    reading, seen = await read(clinic, closed(300))

    assert set(names(300)) == seen
    assert (clinic.singles, reading.not_shown) == (["a00007"], 1)
    assert [on(7)] == [
        one
        for name, one in reading.records.frame()["appointment_id", "observed_date"].iter_rows()
        if name == "a00007"
    ]


async def test_what_the_budget_does_not_reach_is_read_when_its_turn_comes():
    days = closed(300) | {name: 7 + number for number, name in enumerate(names(40))}
    reading, seen = await read(Clinic(days), closed(300), budget=10)

    assert reading.not_shown == 40
    assert sorted({*names(300)} - seen) == reading.missed
    assert 0 < len(reading.missed) < 40


async def test_pages_that_the_budget_cuts_off_accuse_nobody():
    reading, seen = await read(Clinic(closed(600)), closed(600), budget=2)
    assert (len(seen), reading.not_shown, reading.missed) == (400, 0, [])


@pytest.mark.parametrize("booked", [1, 30, 300, 600])
@pytest.mark.parametrize("beside", [0, 5000])
async def test_rows_that_name_the_wrong_days_are_found_on_their_own(booked, beside):
    others = {f"s{one}": 30 + one % booked for one in range(beside)}
    clinic = Clinic({**others, **closed(600)})
    wanted = {name: 30 + number % booked for number, name in enumerate(names(600))}
    _, seen = await read(clinic, wanted)

    assert set(names(600)) == seen
    assert clinic.requests <= 50


async def test_a_row_alone_on_its_day_is_read_without_its_page():
    clinic = Clinic(closed(1) | strangers(400))
    reading, seen = await read(clinic, closed(1))

    assert (seen, clinic.pages, reading.not_shown) == ({"a00000"}, [], 0)


async def test_a_few_rows_among_very_many_are_not_worth_all_the_pages():
    clinic = Clinic(strangers(4000) | closed(3))
    reading, seen = await read(clinic, closed(3))

    assert set(names(3)) == seen
    assert clinic.requests <= 6
    assert reading.not_shown == 0


async def test_many_rows_behind_pages_of_strangers_are_found_by_pages():
    clinic = Clinic(strangers(1000) | closed(400))
    _, seen = await read(clinic, closed(400))

    assert set(names(400)) == seen
    assert clinic.requests <= 9


async def test_the_pages_of_a_day_beside_are_read_for_rows_that_may_be_there():
    """The API's days begin at midnight in UTC."""
    clinic = Clinic(closed(10) | dict.fromkeys(names(5), 1))
    reading = await Reading(
        by_day={DAY: names(10)}, beside={DAY: {on(1): names(5), on(-1): names(3, start=5)}},
        lookup=clinic, now=lambda: NOW, budget=Budget(20), halt_after=20,
    ).read()  # fmt: skip

    assert (clinic.pages, clinic.singles) == ([DAY, on(1)], [])
    assert (reading.not_shown, reading.records.frame().height) == (0, 10)
    assert set(reading.records.frame()["page"]) == {DAY, on(1)}


class Eastern(Clinic):
    """The night of a day begins on the day before in UTC, and pages are of days in UTC."""

    async def page_of_day(self, day, *, page, part=None):
        self.pages.append(day)
        shown = [one for one in self.days if (await utc_days(self._record(one)))[-1] == day]
        return self._page(self._cut(shown, page))

    def _record(self, name):
        record = super()._record(name)
        return replace(record, session="Night") if name.startswith("n") else record


async def utc_days(record):
    own = record.date
    return [own, own - timedelta(days=1)] if record.session == "Night" else [own]


@pytest.mark.parametrize(("nights", "pages"), [(0, [DAY]), (30, [DAY, on(-1)])])
async def test_a_day_beside_is_asked_for_where_a_record_that_names_no_day_reaches_into_it(
    nights, pages
):
    night = [f"n{number:02d}" for number in range(nights)]
    clinic = Eastern(closed(40) | dict.fromkeys(night, 0))
    by_day = {None: [*names(40), *night]}
    reading = await Reading(
        by_day=by_day, days_of=utc_days,
        lookup=clinic, now=lambda: NOW, budget=Budget(20), halt_after=20,
    ).read()  # fmt: skip

    assert 40 + nights == reading.records.frame().height
    assert (pages, 1 + (nights > 0)) == (clinic.pages, len(clinic.singles))


async def test_days_that_nobody_names_are_left_where_their_pages_do_not_pay():
    days = {**strangers(1000), **closed(50)}
    clinic = Clinic(days)
    await read(clinic, closed(50, None))
    assert len(clinic.pages) == 1


async def test_a_page_with_a_record_that_cannot_be_read_is_not_the_last():
    class Unclear(Clinic):
        def _page(self, names):
            page = super()._page(names)
            return page._replace(records=page.records[1:])

    clinic = Unclear(closed(600))
    await read(clinic, closed(600))
    assert ["a00000", "a00200", "a00400"] == sorted(clinic.singles)


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("day", [0, None])
async def test_a_server_that_gives_its_last_page_for_ever_is_asked_for_it_twice(pages, day):
    clinic = Clinic(closed(pages * PAGE))
    whole = clinic.page_of_day

    async def clamped(day, *, page, part=None):
        return await whole(day, page=min(page, pages))

    clinic.page_of_day = clamped
    _, seen = await read(clinic, closed(1000, day), halt_after=100)
    assert pages * PAGE == len(seen)
    assert len(clinic.pages) == pages + 1


@pytest.mark.parametrize("day", [0, None])
async def test_a_clinic_that_knows_none_of_the_rows_ends_the_reading(day):
    clinic = Clinic(strangers(10))
    with pytest.raises(StoppedEarly, match="none of 20 appointments in a row"):
        await read(clinic, closed(100, day))
    assert len(clinic.singles) == 20


async def test_rows_that_are_not_there_are_counted_and_not_read_again():
    clinic = Clinic(closed(30) | dict.fromkeys(["s1", "s2"], 0))
    reading, _ = await read(clinic, closed(30) | dict.fromkeys(["gone1", "gone2", "gone3"], 0))

    assert (len(reading.absent), reading.not_shown, reading.missed) == (3, 3, [])
    assert len(clinic.singles) == 3


@pytest.mark.parametrize("day", [0, None])
async def test_one_that_is_there_ends_a_row_of_those_that_are_not(day):
    clinic = Clinic({name: 0 for number, name in enumerate(names(44)) if number % 11 == 10})
    reading, _ = await read(clinic, closed(44, day), budget=100, halt_after=11)
    assert len(reading.absent) == 40

    with pytest.raises(StoppedEarly, match="none of 10 appointments in a row"):
        await read(clinic, closed(44, day), budget=100, halt_after=10)


@pytest.mark.parametrize("what", ["page_of_day", "read"])
async def test_what_the_key_may_not_read_is_not_asked_for_again(what):
    clinic = Clinic(closed(30) | dict.fromkeys(names(10), 7))
    asked = []

    async def refused(*_, **__):
        asked.append(1)
        raise ScopeMissing("appointments:read")

    setattr(clinic, what, refused)
    reading, _ = await read(clinic, closed(30))
    assert (len(asked), reading.is_possible) == (1, False)


async def test_pages_that_cannot_be_had_end_the_reading_with_what_is_seen():
    clinic = Clinic(closed(300) | dict.fromkeys(names(150), 1))
    whole = clinic.page_of_day

    async def once(day, *, page, part=None):
        return await whole(day, page=page) if day == DAY else None

    clinic.page_of_day = once
    days = {name: 0 if number >= 140 else 1 for number, name in enumerate(names(300))}
    reading, seen = await read(clinic, days)
    assert reading.is_cut_short
    assert set(names(150, start=150)) <= seen
    assert reading.missed == sorted({*days} - seen)


async def test_the_words_of_a_day_are_those_of_all_its_records():
    reading, _ = await read(Clinic(closed(3) | strangers(3)), closed(3))
    words = ("Vormittag", " MORNING")
    used = [reading.words.is_used("session", one, day=DAY) for one in words]
    assert used == [False, True]


days = st.none() | st.integers(-2, 3)


@settings(deadline=None, max_examples=200)
@given(rows=st.lists(st.tuples(days, days), max_size=60), seed=st.none() | st.integers(0, 9))
def test_what_is_seen_was_asked_for_and_the_budget_is_kept(rows, seed):
    wanted = {name: said for name, (said, _) in zip(names(len(rows)), rows, strict=True)}
    there = {name: day for name, (_, day) in zip(names(len(rows)), rows, strict=True) if day != -2}
    clinic = Clinic(there | strangers(10), random=None if seed is None else Random(seed))

    reading, seen = anyio.run(lambda: read(clinic, wanted, halt_after=1000))
    assert seen <= there.keys() & wanted.keys()
    assert not seen & set(reading.missed)
    assert clinic.requests <= Budget.for_rows(len(rows)).left
    assert len(set(clinic.singles)) == len(clinic.singles)

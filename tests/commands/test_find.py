"""All appointments of a day become a manifest, or it is said that some may be missing."""

import csv
from datetime import date, timedelta

import pytest

from batchcancel.errors import InputError, ScopeMissing
from batchcancel.reader.search import How
from batchcancel.report.find import find_json, find_next, find_text
from batchcancel.sandbox import Clinic
from batchcancel.sandbox.clinic import AppointmentRecord
from tests.sample import sampled

pytestmark = pytest.mark.anyio

DAY = date(2026, 6, 20)
SESSIONS = ("Morning", "Afternoon", "Evening")


def written(world, name="closure.csv"):
    with (world.folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def ids(world, name="closure.csv"):
    return [row["appointment_id"] for row in written(world, name)]


def spread(world, count, *, days=1, start=0):
    """So many on a day, in every session of two branches in turn."""
    branches = world.sandbox.book.clinic.branch_ids
    names = [f"a{number:05d}" for number in range(start, start + count)]
    for number, name in enumerate(names):
        world.sandbox.add(
            name,
            date=DAY + timedelta(days=number % days),
            branch_id=branches[number // days % len(branches)],
            session=SESSIONS[number // days // len(branches) % 3],
        )
    world.virtual.jump(120)
    return names


@pytest.mark.parametrize("shuffled", [None, 1])
async def test_600_of_a_day_take_at_most_14_requests(world, shuffled):
    names = spread(world, 600)
    if shuffled is not None:
        world.sandbox.shuffle(shuffled)
    finding = await world.find()

    assert names == ids(world)
    assert (0, "WHOLE_ANSWERS") == (finding.exit_code, finding.how.name)
    assert finding.requests <= 14


@pytest.mark.parametrize(
    ("scopes", "how", "most"),
    [
        (["appointments:read", "slots:read"], "CALENDAR", 7),
        (["appointments:read"], "TWO_PASSES", 14),
    ],
)
async def test_600_of_one_session_are_read_once_where_the_calendar_counts_as_many(
    world, scopes, how, most
):
    names = world.appointments(600)
    world.sandbox.keys.add("sk_own", scopes)
    finding = await world.find(options={"key": "sk_own"})

    assert names == ids(world)
    assert (0, how) == (finding.exit_code, finding.how.name)
    assert finding.requests <= most


@pytest.mark.promise(21)
async def test_600_of_one_session_whose_pages_keep_no_order_are_counted(world):
    names = world.appointments(600)
    world.sandbox.shuffle(3)
    finding = await world.find()

    assert names == ids(world)
    assert (0, "COUNTED") == (finding.exit_code, finding.how.name)
    assert finding.requests <= 54


@pytest.mark.parametrize("shuffled", sampled([None, 1], every=3, first=2))
async def test_10_000_over_20_days_take_at_most_150_requests(world, shuffled):
    names = spread(world, 10_000, days=20)
    if shuffled is not None:
        world.sandbox.shuffle(shuffled)
    finding = await world.find(last=DAY + timedelta(days=19))

    assert names == ids(world)
    assert 0 == finding.exit_code
    assert finding.requests <= 150


COSTS = [(200, None, 1), (600, None, 1), (600, 1, 1), (600, 1, 0), (600, None, 0)]


@pytest.mark.parametrize(("count", "shuffled", "is_spread"), sampled(COSTS, every=9))
async def test_find_and_run_together_cost_little_more_than_a_request_a_row(
    world, count, shuffled, is_spread
):
    spread(world, count) if is_spread else world.appointments(count)
    if shuffled is not None:
        world.sandbox.shuffle(shuffled)
    finding = await world.find()
    ran = await world.run(world.folder / "closure.csv", notice_hours=0)

    assert count == ran.summary.counts["cancelled"]
    allowed = count + count // 100 + 20 + (0 if shuffled is None else 40)
    assert finding.requests + ran.summary.requests <= allowed


@pytest.mark.long
@pytest.mark.parametrize("is_spread", [False, True])
async def test_in_half_an_hour_the_pages_of_a_day_are_read_little_more_than_once(world, is_spread):
    spread(world, 2_000) if is_spread else world.appointments(2_000)
    finding = await world.find()
    ran = await world.run(world.folder / "closure.csv", notice_hours=0)
    assert 2_000 == ran.summary.counts["cancelled"]
    assert ran.summary.requests <= 2_000 + 12 + 12
    assert abs(ran.summary.requests - 12 - world.plans[-1].plan.requests) <= 5
    assert finding.requests + ran.summary.requests <= 2_000 + 20 + 20


# What is meant


def clinic(world):
    """Seven of a day, each other than the first in one thing; an eighth of the next day."""
    first, second = world.sandbox.book.clinic.branch_ids
    general, vaccination, _ = world.sandbox.book.clinic.services
    usual = {"date": DAY, "doctor": "Dr. José  Núñez", "service": general}
    world.sandbox.add("a", **usual)
    world.sandbox.add("branch", **usual | {"branch_id": second})
    world.sandbox.add("session", **usual | {"session": "Evening"})
    world.sandbox.add("label", **usual | {"batch": "MB"})
    world.sandbox.add("doctor", **usual | {"doctor": "Dr. Rao"})
    world.sandbox.add("nobody", **usual | {"doctor": None})
    world.sandbox.add("service", **usual | {"service": vaccination})
    world.sandbox.add("tomorrow", **usual | {"date": DAY + timedelta(days=1)})
    world.virtual.jump(120)
    return {"first": first, "second": second, "general": general}


ALL = ["a", "branch", "doctor", "label", "nobody", "service", "session"]


@pytest.mark.parametrize(
    ("filters", "left_out", "count"),
    [
        ({}, [], {}),
        ({"branch": "{first}"}, ["branch"], {"branch": 1}),
        ({"session": " morning"}, ["session"], {"session": 1}),
        ({"batch_label": "ma"}, ["label", "session"], {"batch_label": 2}),
        ({"doctor": "dr. jose nunez"}, ["doctor", "nobody"], {"doctor": 2}),
        ({"service": "general CONSULTATION"}, ["service"], {"service": 1}),
        ({"service": "{general}"}, ["service"], {"service": 1}),
        ({"session": "Evening", "doctor": "Rao"}, ALL, {"session": 6, "doctor": 1}),
    ],
)
async def test_what_a_filter_leaves_out_is_counted(world, filters, left_out, count):
    names = clinic(world)
    finding = await world.find(**{name: word.format(**names) for name, word in filters.items()})

    expected = [one for one in ALL if one not in left_out]
    assert expected == [one.appointment_id for one in finding.rows]
    assert count == find_json(finding)["left_out"]
    assert bool(expected) == (world.folder / "closure.csv").exists()
    if "doctor" in left_out and "nobody" in left_out and expected:
        assert "left out: doctor 2 1 without a doctor" in " ".join(find_text(finding).split())
    assert ("left out none" in " ".join(find_text(finding).split())) == (not left_out)


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"branch": "Ciy"}, "the branch 'Ciy'; there are "),
        ({"session": "Mornin"}, "the session 'Mornin'; there are Afternoon, Evening, Morning"),
        ({"doctor": "Rao"}, "the doctor 'Rao'; there are Dr. José  Núñez, Dr. Rao"),
        ({"service": "Dentist"}, "the service 'Dentist'; there are "),
    ],
)
async def test_a_word_that_nothing_uses_is_told(world, filters, told):
    clinic(world)
    assert f"!! No appointment of these days has {told}" in find_text(await world.find(**filters))


async def test_a_branch_has_the_name_that_the_job_file_gives_it(world):
    names = clinic(world)
    job = world.folder / "job.toml"
    job.write_text(f'[branches]\nCity = "{names["second"]}"\n')
    finding = await world.find(branch="City", job_file=job)

    assert ["branch"] == ids(world)
    assert "Morning  branch City" in find_text(finding)
    assert f"--date {DAY} --branch {names['second']}" == finding.selection


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (
            "completed",
            0,
            "is empty: nothing is booked that is not cancelled or completed. There: 2 c",
        ),
        (
            "cancelled",
            0,
            "is empty: nothing is booked that is not cancelled. The 3 there are all c",
        ),
        ("no_show", 4, "No appointment found. The search was complete: every answer was whole."),
    ],
)
async def test_a_status_that_is_left_out_is_told_and_one_that_nobody_knows_is_for_a_person(
    world, status, code, told
):
    names = world.appointments(3)
    world.sandbox.staff.mark(names[1], status)
    finding = await world.find()

    assert (code, [names[0], names[2]]) == (finding.exit_code, ids(world))
    assert f"left out: {status}  1" in find_text(finding)
    world.sandbox.staff.cancel(names[0])
    world.sandbox.staff.cancel(names[2])
    again = await world.find(force=True)
    assert (told in find_text(again), "Nothing is to be cancelled.") == (True, find_next(again))
    if code:
        world.sandbox.staff.confirm(names[0])
        world.sandbox.staff.confirm(names[2])
        asked = await world.find("more.csv", options={"status": f"confirmed,{status}"})
        assert (0, names) == (asked.exit_code, ids(world, "more.csv"))


# Servers as they may be


@pytest.mark.parametrize(("branches", "count"), [(1, 300), (2, 600)])
async def test_a_record_outside_every_part_makes_it_unproved(world, branches, count):
    """The API lists no session Night, so the count of the day alone tells that one is missed.

    Of 600 the last page is full, as those of a server that ignores the number of a page are.
    """
    world.new_sandbox(Clinic(appointments=0, branches=branches))
    names = spread(world, count)
    world.sandbox.add(names[250], date=DAY, session="Night")
    finding = await world.find()

    assert (4, How.UNPROVED) == (finding.exit_code, finding.how)
    assert [one for one in names if one != names[250]] == ids(world)
    assert "PERHAPS NOT ALL" in find_text(finding)


@pytest.mark.parametrize("count", sampled([30, 50, 100, 120, 600], every=3, first=1))
@pytest.mark.parametrize("longest", [50, 100])
async def test_a_server_that_gives_fewer_records_than_asked_for_is_read_to_its_end(
    world, longest, count
):
    names = spread(world, count)
    world.sandbox.api.longest_page = longest
    finding = await world.find()

    assert (0, names) == (finding.exit_code, ids(world))


@pytest.mark.parametrize(("count", "is_spread"), [(150, False), (600, True), (250, False)])
async def test_a_server_that_ignores_the_number_of_a_page_hides_nothing_unsaid(
    world, count, is_spread
):
    names = spread(world, count) if is_spread else world.appointments(count)
    world.sandbox.api.ignores_page = True
    finding = await world.find()

    assert (ids(world) == names) == (finding.exit_code == 0) == (count != 250)


async def test_a_day_that_lists_nobody_though_the_calendar_counts_some_is_no_end_of_the_search(
    world,
):
    spread(world, 12)
    world.sandbox.book.filled = lambda _slot, _batch: 2
    finding = await world.find(day=DAY - timedelta(days=1), last=DAY)
    assert (0, 12) == (finding.exit_code, len(ids(world)))
    assert finding.difference > 0


async def test_a_record_that_cannot_be_read_makes_it_unproved(world):
    world.appointments(3)
    world.sandbox.add("no id", date=DAY)
    finding = await world.find()
    assert (4, 3) == (finding.exit_code, len(ids(world)))
    assert "some of its records cannot be read" in find_text(finding)


@pytest.mark.promise(21)
@pytest.mark.parametrize("told", [None, "2026-06-19T18:30:00.000Z", "20 June 2026"])
async def test_a_record_whose_day_cannot_be_read_makes_it_unproved(world, monkeypatch, told):
    world.appointments(3)
    as_json = AppointmentRecord.as_json
    monkeypatch.setattr(AppointmentRecord, "as_json", lambda one: as_json(one) | {"date": told})
    finding = await world.find()

    assert (4, 0) == (finding.exit_code, len(finding.rows))
    assert "some of its records cannot be read" in find_text(finding)


@pytest.mark.parametrize("is_listed", [True, False])
async def test_what_the_api_lists_under_the_day_before_in_utc_is_found_and_told(world, is_listed):
    """In Auckland the morning of a day begins at 21:00 UTC of the day before."""
    world.new_sandbox(Clinic(appointments=0, timezone="Pacific/Auckland"))
    spread(world, 12)
    world.sandbox.add("before", date=DAY - timedelta(days=1), session="Afternoon")
    world.sandbox.book.lists_by_utc = True
    if not is_listed:
        for weeks in (0, 1):
            world.sandbox.leave_out(DAY + timedelta(weeks=weeks))
    finding = await world.find()

    assert (0, 12) == (finding.exit_code, len(ids(world)))
    edge = {one.appointment_id for one in finding.edge if one.is_taken}
    morning = {row["appointment_id"] for row in written(world) if row["session"] == "Morning"}
    assert morning == edge
    assert f"of {DAY} is listed under {DAY - timedelta(days=1)} in UTC: taken" in find_text(finding)


async def test_the_calendar_that_counts_others_than_were_found_is_told_with_its_numbers(world):
    world.appointments(10)
    world.sandbox.book.filled = lambda slot, batch: (
        13 if (slot[2], batch) == ("Morning", "MA") else 0
    )
    finding = await world.find()

    assert {"filled": 26, "difference": 16} == find_json(finding)["calendar"]
    assert (0, True) == (finding.exit_code, find_json(finding)["complete"])
    assert "counts 26 places as filled, 16 more than" in find_text(finding)


async def test_a_key_that_may_not_read_the_calendar_finds_all_the_same(world):
    names = world.appointments(3)
    world.sandbox.keys.add("sk_few", ["appointments:read"])
    finding = await world.find(options={"key": "sk_few"})

    assert (0, names) == (finding.exit_code, ids(world))
    assert {"day"} == {row["start_known_by"] for row in written(world)}
    assert ["windows_unread"] == world.watching.cautions
    world.sandbox.keys.add("sk_none", ["slots:read"])
    with pytest.raises(ScopeMissing):
        await world.find("more.csv", options={"key": "sk_none"})


# The manifest


async def test_a_start_by_its_session_is_taken_for_no_exact_one(world):
    """A quarter of an hour after the session began, it has not ended for anybody."""
    day = date(2026, 6, 1)
    world.sandbox.add("a", date=day, session="Afternoon", branch_id=None)
    await world.find(day=day)
    [row] = written(world)
    assert ("2026-06-01T07:30:00.000Z", "session") == (row["starts_at"], row["start_known_by"])
    world.virtual.jump(105 * 60)
    finished = await world.run(world.folder / "closure.csv", notice_hours=0)
    assert 1 == finished.summary.counts["cancelled"]


async def test_an_old_file_is_written_over_by_force_alone_and_goes_where_nothing_is_booked(world):
    path = world.folder / "closure.csv"
    path.write_text("mine")
    with pytest.raises(InputError, match=r"closure\.csv exists"):
        await world.find()
    assert "mine" == path.read_text()
    finding = await world.find(force=True)
    assert (0, None, False) == (finding.exit_code, finding.manifest, path.exists())
    rehearsal, told = find_text(finding).split("\n", 1)
    assert rehearsal.startswith("Rehearsal at ")
    assert told.startswith(f"{DAY} is empty: nothing is booked that is not cancelled. ")


# The sweep


@pytest.mark.parametrize(
    ("deed", "code", "known"),
    [
        (lambda staff, _: staff.book(DAY), 4, {}),
        (lambda staff, one: staff.confirm(one), 4, {"cancelled": 1}),
        (lambda _staff, _one: None, 0, {}),
        (lambda staff, one: staff.complete(one), 0, {}),
    ],
    ids=["booked", "confirmed", "nothing", "completed"],
)
async def test_a_sweep_finds_what_the_ledger_does_not_know_and_counts_the_rest(
    world, deed, code, known
):
    names = world.appointments(5)
    await world.find()
    await world.run(world.folder / "closure.csv", notice_hours=0)
    deed(world.sandbox.staff, names[2])
    swept = await world.find("sweep.csv", not_in="closure.ledger.db")

    assert (code, known) == (swept.exit_code, dict(swept.known))
    assert bool(swept.rows) == (world.folder / "sweep.csv").exists() == (known == {} and code == 4)
    assert (f"{DAY} is empty: " in find_text(swept)) == (code == 0)
    assert "!! 6 windows are still open, " in find_text(swept)
    look = "Which are alive again:  batchcancel verify "
    assert (look in find_next(swept)) == ("cancelled" in known)


async def test_what_the_notice_window_left_is_told_and_is_no_sweep(world):
    world.appointments(5, day=date(2026, 6, 2))
    await world.find(day=date(2026, 6, 2))
    await world.run(world.folder / "closure.csv", notice_hours=48)
    swept = await world.find("sweep.csv", day=date(2026, 6, 2), not_in="closure.ledger.db")

    assert (0, {"skipped: notice_window": 5}) == (swept.exit_code, dict(swept.known))
    assert "in the ledger: skipped: notice_window" in find_text(swept)
    assert "Nothing is to be cancelled." == find_next(swept)


async def test_the_ledger_of_another_api_sweeps_nothing(world):
    world.appointments(2)
    await world.run(world.manifest(["a00001"]))
    asked = len(world.sandbox.history)
    options = {"base_url": "http://127.0.0.1/v1"}
    with pytest.raises(InputError, match="--not-in: this ledger holds batches of http://localhost"):
        await world.find("sweep.csv", not_in="closure.ledger.db", options=options)
    assert asked == len(world.sandbox.history)

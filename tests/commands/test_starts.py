"""Where a start comes from, and what follows from how well it is known."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from batchcancel.appointments import KnownBy, Start
from batchcancel.report.plan import plan_json, plan_text
from batchcancel.report.results import write_results
from batchcancel.sandbox import Clinic, Fault
from tests.sample import sampled
from tests.world import BEGIN, ended

pytestmark = pytest.mark.anyio

KOLKATA = "Asia/Kolkata"  # where it is 11:30 on the first of June
TODAY, TOMORROW, FAR = date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 20)
PAST = date(2026, 5, 31)


def asked_for_windows(world) -> list[str]:
    arrivals = world.sandbox.history.arrivals
    return [one.query for one in arrivals if "/appointment-slots/" in one.path]


def found(planned, kind: str) -> str | None:
    return {one.code: one.text for one in planned.rules.cautions}.get(kind)


# Known by the day


@pytest.mark.parametrize(
    ("header", "row"),
    sampled(
        [
            ("appointment_id,date", "a,{day}"),
            ("appointment_id,starts_at", "a,{day}"),
            ("appointment_id,appointment_date,session", "a,{day},Night"),
            ("appointment_id,date,session", "a,{day},Night"),
            ("appointment_id,date,session,branch_id", "a,{day},Morning,elsewhere"),
        ],
        every=2,
        first=1,
    ),
)
@pytest.mark.parametrize(
    "closure",
    [
        (TODAY, 0, {"cancelled": 1}),
        (TODAY, 24, {"notice_window": 1}),
        (TOMORROW, 24, {"notice_window": 1}),
        (date(2026, 6, 3), 24, {"cancelled": 1}),
        (PAST, 0, {"already_started": 1}),
    ],
)
async def test_a_start_known_by_its_day_proves_nothing_as_long_as_the_day_lasts(
    world, header, row, closure
):
    day, notice, end = closure
    world.sandbox.add("a", date=day)
    finished = await world.run(world.write(header, row.format(day=day)), notice_hours=notice)
    assert (0, end) == ended(finished)


@pytest.mark.parametrize("silent", [0, 5])  # shown while planning; read when its turn comes
@pytest.mark.parametrize(("day", "end"), [(TODAY, "cancelled"), (PAST, "already_started")])
async def test_what_only_its_record_tells_to_be_on_a_day_that_is_over_is_left(
    world, silent, day, end
):
    for one in ("a", "b"):
        world.sandbox.add(one, date=day)
    world.sandbox.faults.add(Fault("status", status=500), method="GET", skip=1, times=silent)
    finished = await world.run(world.manifest(["a", "b"], starts_at=None), notice_hours=0)
    assert (0, {end: 2}) == ended(finished)


@pytest.mark.parametrize(("seconds", "is_cancelled"), [(-3, True), (1, False)])
async def test_such_a_row_is_cancelled_until_the_very_end_of_its_day(world, seconds, is_cancelled):
    midnight = datetime.combine(TOMORROW, time(), ZoneInfo(KOLKATA))
    world.sandbox.add("a", date=TODAY)
    manifest = world.write("appointment_id,date", f"a,{TODAY}")
    world.virtual.jump((midnight - BEGIN).total_seconds() + seconds)
    finished = await world.run(manifest, notice_hours=0)
    assert is_cancelled == finished.summary.counts["cancelled"]


@pytest.mark.parametrize(("hours", "is_cancelled"), [(1.5, True), (3.5, False)])
async def test_a_session_that_lasts_into_the_next_day_is_not_over_with_its_day(
    world, hours, is_cancelled
):
    midnight = datetime.combine(TOMORROW, time(), ZoneInfo(KOLKATA))
    world.sandbox.add_window(
        TODAY, session="Night", batch="NA", start_time="22:00", end_time="02:00"
    )
    world.sandbox.add("a", date=TODAY, session="Night", batch="NA")
    manifest = world.write("appointment_id,date", f"a,{TODAY}")
    world.virtual.jump((midnight - BEGIN).total_seconds() + hours * 3600)
    finished = await world.run(manifest, notice_hours=0)
    assert is_cancelled == finished.summary.counts["cancelled"]


async def test_what_is_known_by_the_day_is_no_midnight_in_the_plan(world):
    world.sandbox.add("a", date=FAR)
    planned = await world.plan(world.write("appointment_id,date", f"a,{FAR}"), notice_hours=0)
    text = plan_text(planned)
    assert 2 == text.count("Sat 2026-06-20, the day\n")
    assert "start  Sat 2026-06-20 00:00" not in " ".join(text.split(" " * 9))
    told = plan_json(planned, ledger="")
    assert ("2026-06-20", "day") == (told["first_start"], told["first_start_known_by"])


async def test_where_no_notice_is_in_force_the_windows_of_a_day_are_asked_for_once(world):
    world.sandbox.add("a", date=FAR)
    await world.plan(world.write("appointment_id,date", f"a,{FAR}"), notice_hours=0)
    assert [f"date={FAR}"] == asked_for_windows(world)  # whether they are closed


@pytest.mark.parametrize(("session", "is_cancelled"), [("Evening", True), ("Morning", False)])
async def test_the_notice_of_a_row_without_a_session_counts_from_the_session_of_its_record(
    world, session, is_cancelled
):
    world.sandbox.add("a", date=TOMORROW, session=session)
    finished = await world.run(world.write("appointment_id,date", f"a,{TOMORROW}"))
    assert is_cancelled == finished.summary.counts["cancelled"]


async def test_what_has_begun_by_the_session_of_its_record_has_not_by_a_manifest_that_says_a_day(
    world,
):
    world.sandbox.add("a", date=TODAY)
    manifest = world.write("appointment_id,date", f"a,{TODAY}")
    world.virtual.jump(8 * 3600)  # half past seven in the evening
    finished = await world.run(manifest, notice_hours=0)
    assert 1 == finished.summary.counts["cancelled"]


@pytest.mark.parametrize("header", ["date,session", "date,session,branch_id", ""])
async def test_without_the_calendar_the_day_has_to_do_where_no_start_is_needed(world, header):
    world.sandbox.add("a", date=FAR)
    world.sandbox.keys.add("sk_slotless", {"appointments:read", "appointments:write"})
    cells = {"date": str(FAR), "session": "Morning", "": ""}
    cells["branch_id"] = world.sandbox.record("a").branch_id
    named = header.split(",")
    manifest = world.write(f"appointment_id,{header}", ",".join(["a", *map(cells.get, named)]))
    finished = await world.run(manifest, key="sk_slotless", notice_hours=0)

    assert (0, 1) == (finished.summary.exit_code, finished.summary.counts["cancelled"])
    assert len(asked_for_windows(world)) <= 2


# Known by the session


@pytest.mark.parametrize("notice", [0, 24])
async def test_case_and_blanks_of_sessions_and_branches_do_not_count(world, notice):
    branch = world.sandbox.book.clinic.branch_ids[1].upper()
    world.sandbox.add("a", date=FAR, session="Evening", branch_id=branch.lower())
    row = f"a,{FAR},Evening   ,{branch}"
    manifest = world.write("appointment_id,date,session,branch_id", row)
    planned = await world.plan(manifest, notice_hours=notice)
    evening = datetime(2026, 6, 20, 12, 0, tzinfo=BEGIN.tzinfo)
    start = Start(evening, evening + timedelta(hours=3), KnownBy.SESSION)
    assert (start, 1) == (planned.plan.first_start, planned.plan.eligible)
    assert found(planned, "unknown_session") is None
    assert "Sat 2026-06-20 17:30 Asia/Kolkata, the session\n" in plan_text(planned)


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        ("Evning,", "session 'Evning'"),
        ("Evening,elsewhere", "session 'Evening' branch 'elsewhere'"),
    ],
)
async def test_sessions_and_branches_that_the_calendar_does_not_know_are_named(world, cells, named):
    row = f"a,{FAR},{cells}"
    planned = await world.plan(world.write("appointment_id,date,session,branch_id", row))
    assert f"2026-06-20 {named}" in found(planned, "unknown_session")
    assert KnownBy.DAY is planned.plan.first_start.known_by


@pytest.mark.parametrize("session", ["Morning", "Afternoon"])
async def test_a_session_that_is_going_on_is_cancelled_and_one_that_is_over_is_not(world, session):
    world.virtual.jump(3600)  # it is 12:30; the morning ended at noon
    world.sandbox.add("a", date=TODAY, session=session)
    branch = world.sandbox.book.clinic.branch_ids[0]
    cells = f"{TODAY},{session},{branch}"
    manifest = world.write("appointment_id,date,session,branch_id", f"a,{cells}")
    finished = await world.run(manifest, notice_hours=0)
    assert (session == "Afternoon") == finished.summary.counts["cancelled"]
    world.sandbox.add("b", date=TODAY, session=session)
    world.virtual.jump(3600)  # it is 13:30, and the afternoon began at one
    manifest = world.write("appointment_id,date,session,branch_id", f"b,{cells}")
    again = await world.run(manifest, notice_hours=0, batch="later")
    assert (session == "Afternoon") == again.summary.counts["cancelled"]


@pytest.fixture
def two_windows(world):
    """Tomorrow morning has a second window, from noon on; three rows are booked in each."""
    world.sandbox.add_window(
        TOMORROW, session="Morning", batch="MB", start_time="12:00", end_time="14:00"
    )
    for batch in ("MA", "MB"):
        for number in range(3):
            world.sandbox.add(f"{batch}{number}", date=TOMORROW, batch=batch)
    world.virtual.jump(120)
    return [f"{batch}{number}" for batch in ("MA", "MB") for number in range(3)]


@pytest.mark.promise(6)
async def test_of_two_windows_of_a_session_the_batch_label_of_the_record_counts(world, two_windows):
    finished = await world.run(world.manifest(two_windows, starts_at=None))
    assert (0, {"cancelled": 3, "notice_window": 3}) == ended(finished)
    assert two_windows[3:] == sorted(world.patched())


@pytest.mark.promise(6)
async def test_a_window_that_the_calendar_leaves_out_moves_no_start_to_a_later_one(
    world, two_windows
):
    world.sandbox.leave_out(TOMORROW, batch="MA")
    finished = await world.run(world.manifest(two_windows, starts_at=None))
    assert {"notice_window": 3} == finished.summary.counts.skipped
    assert "batch label 'MA'" in found(world.plans[-1], "unknown_session")
    lifted = await world.run(world.manifest(two_windows, starts_at=None), notice_hours=0)
    assert 6 == lifted.summary.counts["cancelled"]


async def test_a_day_without_any_window_is_read_as_a_week_later_and_asked_once(world):
    ids = [f"a{number}" for number in range(6)]
    for number, one in enumerate(ids):
        world.sandbox.add(one, date=FAR, session=("Morning", "Evening")[number % 2])
    world.sandbox.leave_out(FAR)
    rows = [f"{one},{FAR},{('Morning', 'Evening')[n % 2]}" for n, one in enumerate(ids)]
    planned = await world.plan(world.write("appointment_id,date,session", *rows))
    assert ["date=2026-06-20", "date=2026-06-27"] == asked_for_windows(world)
    assert "2026-06-20" in found(planned, "windows_a_week_later")
    assert datetime(2026, 6, 20, 3, 30, tzinfo=BEGIN.tzinfo) == planned.plan.first_start.earliest
    assert found(planned, "unknown_session") is None


async def test_no_query_carries_a_spelling_that_is_not_the_apis(world):
    world.new_sandbox(Clinic(appointments=0))
    rows = [f"a,{FAR},EVENING,x", f"b,{FAR},evening ,", f"c,{FAR},,x"]
    await world.plan(world.write("appointment_id,date,session,branch_id", *rows))
    assert ["date=2026-06-20", "date=2026-06-27"] == asked_for_windows(world)


# Kept, and read again


@pytest.mark.parametrize("ending", ["csv", "parquet"])
async def test_an_export_that_is_read_as_a_manifest_knows_its_starts_as_well_and_no_better(
    world, ending
):
    rows = [f"a,{FAR},,", f"b,{FAR},Night,", f"c,{FAR},Morning,", f"d,,,{FAR}T09:00:00+05:30"]
    manifest = world.write("appointment_id,date,session,starts_at", *rows)
    await world.run(manifest, limit=1)
    first = world.plans[-1].manifest
    export = world.folder / f"export.{ending}"
    with world.account() as account:
        write_results(account.rows("closure"), export)
    again = await world.plan(export)

    names = ("appointment_id", "starts_at", "latest_start", "start_known_by")
    assert first.frame.select(names).equals(again.manifest.frame.select(names))
    assert ["day", "day", "session", "exact"] == [*first.frame["start_known_by"]]


async def test_the_ledger_keeps_what_a_learned_start_is_known_by(world):
    ids = world.appointments(4)
    world.sandbox.leave_out(date(2026, 6, 20), session="Morning")
    world.sandbox.add("e", date=FAR, session="Evening")
    await world.run(world.manifest([*ids, "e"], starts_at=None))
    with world.account() as account:
        known_by = {row.appointment_id: row.start_known_by for row in account.rows("closure")}
    assert dict.fromkeys(ids, "day") | {"e": "session"} == known_by


@pytest.mark.promise(6)
async def test_what_staff_move_after_the_plan_is_for_a_person_though_the_manifest_names_no_day(
    world,
):
    ids = world.appointments(3)
    manifest = world.manifest(ids, starts_at=None)
    finished = await world.run(
        manifest, confirm=lambda _planned: world.sandbox.staff.reschedule(ids[1], TOMORROW)
    )
    assert (4, {"cancelled": 2, "needs_review": 1}) == ended(finished)

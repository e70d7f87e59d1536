from datetime import UTC, date, datetime, time

import anyio
import pytest

from batchcancel.api import PAGE, Answer, Ask, Meaning, OrgConfig, Request
from batchcancel.errors import InputError, StoppedEarly
from batchcancel.huskyvoice.answers import record_from
from batchcancel.huskyvoice.lookup import HuskyLookup

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
DAY = date(2026, 6, 15)
RULES = {
    "allow_cancellation": True,
    "cancellation_notice_hours": 24,
    "timezone": "Asia/Kolkata",
}
TOLD = OrgConfig(allow_cancellation=True, notice_hours=24.0, timezone="Asia/Kolkata")


class Api:
    """Gives each question the same answer after a moment, and remembers the questions."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Answer:
        self.requests.append(request)
        await anyio.sleep(1)
        return self._answer


def proved(body: object) -> Answer:
    return Answer(meaning=Meaning.PROVED, code="200", body=body, server_now=NOW)


def failed(meaning: Meaning) -> Answer:
    return Answer(meaning=meaning, code="some_code")


async def config(body: object) -> OrgConfig:
    return await HuskyLookup(Api(proved(body)).send).config()


def window(start_time: object, session: object = "Morning") -> dict[str, object]:
    return {"session": session, "start_time": start_time, "end_time": "13:00"}


async def start(windows: object, *, session: str | None = "Morning") -> time | None:
    lookup = HuskyLookup(Api(proved({"success": True, "slots": windows})).send)
    return await lookup.session_start(DAY, session=session, branch_id="b1")


@pytest.mark.parametrize("body", [{"success": True, "data": RULES}, RULES])
async def test_the_settings_come_in_an_envelope_or_bare(body):
    assert await config(body) == TOLD


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": []}, {"data": "x"}, {"data": {}}])
async def test_settings_that_do_not_say_anything_are_unknown(body):
    assert await config(body) == OrgConfig(
        allow_cancellation=None, notice_hours=None, timezone=None
    )


@pytest.mark.parametrize(
    "value", [None, "24", True, -1, float("nan"), float("inf"), 1e300, [24], {}]
)
async def test_notice_that_is_no_number_from_0_on_is_unknown(value):
    assert (await config(RULES | {"cancellation_notice_hours": value})).notice_hours is None


@pytest.mark.parametrize(("value", "hours"), [(0, 0), (1.5, 1.5), (24, 24)])
async def test_notice_is_a_number_of_hours(value, hours):
    assert hours == (await config(RULES | {"cancellation_notice_hours": value})).notice_hours


@pytest.mark.parametrize("value", [None, False, 0, 1, "false", "no", "true", [], {}])
async def test_a_permission_that_is_not_true_is_a_no(value):
    assert (await config(RULES | {"allow_cancellation": value})).allow_cancellation is False


async def test_a_permission_that_is_not_there_is_unknown():
    told = {name: value for name, value in RULES.items() if name != "allow_cancellation"}
    assert (await config(told)).allow_cancellation is None


@pytest.mark.parametrize("value", [None, 5.5, ["Asia/Kolkata"]])
async def test_a_timezone_that_is_no_text_is_unknown(value):
    assert (await config(RULES | {"timezone": value})).timezone is None


async def test_a_session_starts_with_its_earliest_window():
    windows = [window("10:00"), window("09:00"), window("08:00", "Evening")]
    assert await start(windows) == time(9)


@pytest.mark.parametrize("session", ["Morning", "MORNING", "morning", "Morning   ", "\tmorning"])
async def test_a_session_is_found_in_any_case_and_with_blanks_around_it(session):
    assert await start([window("09:00", "mOrning ")], session=session) == time(9)


@pytest.mark.parametrize("branch_id", ["b1", "B1", " b1 "])
async def test_a_branch_is_found_as_people_mean_it_and_no_other_counts(branch_id):
    windows = [window("09:00") | {"branch_id": "b1"}, window("08:00") | {"branch_id": "b2"}]
    lookup = HuskyLookup(Api(proved({"slots": windows})).send)
    assert time(9) == await lookup.session_start(DAY, session="Morning", branch_id=branch_id)
    assert await lookup.session_start(DAY, session="Morning", branch_id="b3") is None


async def test_without_a_session_the_first_window_of_the_day_counts():
    assert await start([window("10:00"), window("08:00", "Evening")], session=None) == time(8)


@pytest.mark.parametrize(
    "windows",
    [None, [], {}, "09:00", [None], ["09:00"], [{}], [window(None)], [window("soon")],
     [window(9)], [window("25:00")], [window("09:00", None)], [window("09:00", ["Morning"])]],
)  # fmt: skip
async def test_without_a_readable_window_no_start_is_known(windows):
    assert await start(windows) is None


async def test_windows_that_cannot_be_read_hide_no_others():
    assert await start([None, window("soon"), window("09:00")]) == time(9)


async def test_a_window_whose_time_has_an_offset_is_not_local_and_wrecks_nothing():
    assert await start([window("08:00Z"), window("09:00")]) == time(9)


async def test_windows_are_asked_once_for_a_day_also_when_asked_at_once():
    api = Api(proved({"slots": [window("09:00")]}))
    lookup = HuskyLookup(api.send)

    async def ask(session: str, branch_id: str) -> None:
        await lookup.session_start(DAY, session=session, branch_id=branch_id)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask, "Morning", "b1")
            group.start_soon(ask, "Evening", "b1")
            group.start_soon(ask, "Morning", "b2")

    assert api.requests == [Request(ask=Ask.WINDOWS, query={"date": "2026-06-15"})]


async def test_a_page_of_a_day_is_asked_for_at_its_longest():
    api = Api(proved({"data": []}))
    await HuskyLookup(api.send).page_of_day(DAY, page=3)

    query = {"date": "2026-06-15", "page": "3", "limit": str(PAGE)}
    assert api.requests == [Request(ask=Ask.SEARCH, query=query)]


async def test_a_page_holds_the_records_that_can_be_read():
    good = {"appointment_id": "a1", "status": "confirmed"}
    lookup = HuskyLookup(Api(proved({"data": [good, None, {}, "a2"]})).send)

    assert await lookup.page_of_day(DAY, page=1) == [record_from(good)]


@pytest.mark.parametrize("data", [None, {}, "x", [], [None]])
async def test_a_page_of_another_shape_holds_nothing(data):
    assert await HuskyLookup(Api(proved({"data": data})).send).page_of_day(DAY, page=1) == []


@pytest.mark.parametrize("meaning", sorted(set(Meaning) - {Meaning.PROVED}))
async def test_a_page_or_a_record_that_cannot_be_had_stops_nothing(meaning):
    lookup = HuskyLookup(Api(failed(meaning)).send)

    assert await lookup.page_of_day(DAY, page=1) is None
    assert await lookup.record("a1") is None


async def test_a_record_is_asked_for_by_its_id():
    record = record_from({"appointment_id": "a1", "status": "confirmed"})
    api = Api(Answer(meaning=Meaning.PROVED, code="200", record=record))

    assert await HuskyLookup(api.send).record("a1") == record
    assert api.requests == [Request(ask=Ask.READ, appointment_id="a1")]


@pytest.mark.parametrize(
    ("meaning", "error"),
    [
        (Meaning.BUSY, StoppedEarly),
        (Meaning.UNKNOWN, StoppedEarly),
        (Meaning.REFUSED, InputError),
        (Meaning.ABSENT, InputError),
    ],
)
async def test_rules_that_cannot_be_had_stop_the_run_with_the_code(meaning, error):
    lookup = HuskyLookup(Api(failed(meaning)).send)

    with pytest.raises(error, match="some_code"):
        await lookup.config()


@pytest.mark.parametrize("meaning", [Meaning.BUSY, Meaning.UNKNOWN])
async def test_windows_that_do_not_come_stop_the_run_with_the_code(meaning):
    lookup = HuskyLookup(Api(failed(meaning)).send)

    with pytest.raises(StoppedEarly, match="some_code"):
        await lookup.session_start(DAY, session=None, branch_id=None)


@pytest.mark.parametrize("meaning", [Meaning.REFUSED, Meaning.ABSENT])
async def test_windows_that_are_refused_are_as_good_as_none(meaning):
    lookup = HuskyLookup(Api(failed(meaning)).send)

    assert await lookup.session_start(DAY, session=None, branch_id=None) is None


async def test_windows_that_could_not_be_had_are_asked_again():
    api = Api(failed(Meaning.BUSY))
    lookup = HuskyLookup(api.send)
    for _ in range(2):
        with pytest.raises(StoppedEarly):
            await lookup.session_start(DAY, session=None, branch_id=None)

    assert len(api.requests) == 2

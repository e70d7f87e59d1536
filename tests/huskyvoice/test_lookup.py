import math
from datetime import UTC, date, datetime, time

import anyio
import pytest

from batchcancel.api import PAGE, Answer, Ask, Meaning, OrgConfig, Request, Window
from batchcancel.errors import InputError, StoppedEarly, Unreachable
from batchcancel.huskyvoice.answers import record_from
from batchcancel.huskyvoice.lookup import HuskyLookup

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
DAY = date(2026, 6, 15)
RULES = {"allow_cancellation": True, "cancellation_notice_hours": 24, "timezone": "Asia/Kolkata"}
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


async def windows_of(slots: object) -> list[Window] | None:
    return await HuskyLookup(Api(proved({"success": True, "slots": slots})).send).windows(DAY)


@pytest.mark.parametrize("body", [{"success": True, "data": RULES}, RULES])
async def test_the_settings_come_in_an_envelope_or_bare(body):
    assert await config(body) == TOLD


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": []}, {"data": "x"}, {"data": {}}])
async def test_settings_that_do_not_say_anything_are_unknown(body):
    assert await config(body) == OrgConfig(
        allow_cancellation=None, notice_hours=None, timezone=None
    )


@pytest.mark.parametrize(
    ("value", "hours"),
    [(0, 0), (1.5, 1.5), (24, 24),
     *((value, None) for value in (None, "24", True, -1, math.nan, math.inf, 1e300, [24], {}))],
)  # fmt: skip
async def test_notice_is_a_number_of_hours_from_0_on_or_unknown(value, hours):
    assert hours == (await config(RULES | {"cancellation_notice_hours": value})).notice_hours


@pytest.mark.parametrize("value", [None, False, 0, 1, "false", "no", "true", [], {}])
async def test_a_permission_that_is_not_true_is_a_no(value):
    assert (await config(RULES | {"allow_cancellation": value})).allow_cancellation is False


@pytest.mark.parametrize("value", [None, 5.5, ["Asia/Kolkata"]])
async def test_a_timezone_that_is_no_text_is_unknown(value):
    assert (await config(RULES | {"timezone": value})).timezone is None


async def test_a_window_is_what_the_calendar_says_of_it():
    told = window("09:00") | {"branch_id": "b1", "batch": "MA", "status": "CLOSED", "slot_id": "s"}
    places = {"filled_slots": 12, "available_slots": 0}
    expected = Window(
        session="Morning", branch_id="b1", label="MA", start=time(9), end=time(13), filled=12,
        free=0, is_open=False,
    )  # fmt: skip
    assert [expected] == await windows_of([told | places])


@pytest.mark.parametrize(
    ("status", "is_open"),
    [("OPEN", True), ("Full", True), (None, True), ("CLOSED", False), ("DISABLED", False)],
)
async def test_a_full_window_is_open_for_what_is_freed_in_it(status, is_open):
    [known] = await windows_of([window("09:00") | {"status": status}])
    assert is_open is known.is_open


@pytest.mark.parametrize("value", [None, "12", 1.5, True, -1])
async def test_a_number_of_places_that_is_none_is_not_known(value):
    told = window("09:00", "Morning") | {"filled_slots": value, "available_slots": value}
    [known] = await windows_of([told])
    assert (None, None, True) == (known.filled, known.free, known.is_open)


@pytest.mark.parametrize("slots", [None, {}, "09:00", 7])
async def test_an_answer_without_a_list_of_windows_lists_none_nor_says_that_there_are_none(slots):
    assert await windows_of(slots) is None


@pytest.mark.parametrize(
    ("told", "is_read"), [("2026-06-15", True), (None, True), ("2026-06-15T00:00:00Z", True),
                          ("2026-06-01", False), ("Monday", False), (7, False)],
)  # fmt: skip
async def test_the_windows_of_another_day_than_was_asked_for_are_not_that_days(told, is_read):
    api = Api(proved({"date": told, "slots": [window("09:00")]}))
    assert (await HuskyLookup(api.send).windows(DAY) is not None) is is_read


@pytest.mark.parametrize("slots", [[], [None], ["09:00"], [7]])
async def test_a_list_without_windows_says_that_there_are_none(slots):
    assert [] == await windows_of(slots)


@pytest.mark.parametrize(
    "value", [None, "soon", 9, "25:00", "", ["09:00"], "08:00Z", "08:00+05:30"]
)
async def test_a_time_that_is_no_local_time_of_day_is_not_known(value):
    told = window(value) | {"end_time": value}
    assert [Window(session="Morning")] == await windows_of([told])


@pytest.mark.parametrize("value", [None, "", True, ["Morning"]])
async def test_a_name_that_is_neither_text_nor_number_is_not_known(value):
    told = {"session": value, "branch_id": value, "batch": value, "start_time": "09:00"}
    assert [Window(start=time(9))] == await windows_of([told])


async def test_windows_that_cannot_be_read_hide_no_others():
    assert [time(9)] == [one.start for one in await windows_of([None, window("09:00")])]


async def test_windows_are_asked_once_for_a_day_also_when_asked_at_once():
    api = Api(proved({"slots": [window("09:00")]}))
    lookup = HuskyLookup(api.send)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(lookup.windows, DAY)

    assert api.requests == [Request(ask=Ask.WINDOWS, query={"date": "2026-06-15"})]


async def test_a_page_of_a_day_is_asked_for_at_its_longest():
    api = Api(proved({"data": []}))
    await HuskyLookup(api.send).page_of_day(DAY, page=3)

    query = {"date": "2026-06-15", "page": "3", "limit": str(PAGE)}
    assert api.requests == [Request(ask=Ask.SEARCH, query=query)]


async def test_a_page_holds_the_records_that_can_be_read_and_tells_how_many_there_are():
    good = {"appointment_id": "a1", "status": "confirmed"}
    lookup = HuskyLookup(Api(proved({"data": [good, None, {}, "a2"]})).send)

    assert await lookup.page_of_day(DAY, page=1) == ([record_from(good)], 4)


@pytest.mark.parametrize("data", [None, {}, "x", 0])
async def test_a_page_that_is_no_list_counts_as_unread(data):
    assert await HuskyLookup(Api(proved({"data": data})).send).page_of_day(DAY, page=1) is None


@pytest.mark.parametrize("data", [[], [None]])
async def test_a_list_without_a_record_is_an_empty_page(data):
    lookup = HuskyLookup(Api(proved({"data": data})).send)

    assert await lookup.page_of_day(DAY, page=1) == ([], len(data))


@pytest.mark.parametrize("meaning", sorted(set(Meaning) - {Meaning.PROVED}))
async def test_a_page_or_a_record_that_cannot_be_had_stops_nothing(meaning):
    lookup = HuskyLookup(Api(failed(meaning)).send)

    if failed(meaning).is_worth_retrying:
        with pytest.raises(Unreachable):
            await lookup.page_of_day(DAY, page=1)
    else:
        assert await lookup.page_of_day(DAY, page=1) is None
    assert (await lookup.read("a1")).meaning is meaning


async def test_a_record_is_asked_for_by_its_id():
    record = record_from({"appointment_id": "a1", "status": "confirmed"})
    api = Api(Answer(meaning=Meaning.PROVED, code="200", record=record))

    assert await HuskyLookup(api.send).read("a1") == Answer(
        meaning=Meaning.PROVED, code="200", record=record
    )
    assert api.requests == [Request(ask=Ask.READ, appointment_id="a1")]


@pytest.mark.parametrize("meaning", [Meaning.REFUSED, Meaning.ABSENT])
async def test_windows_that_are_refused_are_not_known(meaning):
    lookup = HuskyLookup(Api(failed(meaning)).send)

    assert await lookup.windows(DAY) is None


@pytest.mark.parametrize(
    ("meaning", "error"),
    [(Meaning.BUSY, StoppedEarly), (Meaning.UNKNOWN, StoppedEarly), (Meaning.REFUSED, InputError),
     (Meaning.ABSENT, InputError)],
)  # fmt: skip
async def test_rules_and_windows_that_do_not_come_stop_the_run_with_the_code_and_are_asked_anew(
    meaning, error
):
    api = Api(failed(meaning))
    lookup = HuskyLookup(api.send)
    with pytest.raises(error, match="some_code"):
        await lookup.config()
    if error is StoppedEarly:
        for _ in range(2):
            with pytest.raises(error, match="some_code"):
                await lookup.windows(DAY)
        assert len(api.requests) == 3

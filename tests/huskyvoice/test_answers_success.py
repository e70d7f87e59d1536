import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.api import Answer, Ask, Meaning, Record, Request
from batchcancel.errors import FatalAnswer
from batchcancel.huskyvoice.answers import parsed, read_answer, record_from

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
RECORD = {
    "appointment_id": "a1",
    "status": "cancelled",
    "updated_at": "2026-06-01T05:59:59.123Z",
    "date": "2026-06-15",
    "session": "Morning",
    "branch_id": "b1",
    "patient_name": "Asha",
    "parent_phone": "+919876543210",
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def answer(body: object, *, ask=Ask.CANCEL, status: int = 200) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(ask=ask, appointment_id="a1")
    return read_answer(request, status=status, headers={}, content=parsed(content), now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 299])
@pytest.mark.parametrize("body", [{"success": True, "data": RECORD}, {"data": RECORD}, RECORD])
def test_a_cancelled_record_of_the_same_id_proves_success(status, body):
    proved = answer(body, status=status)

    assert (proved.meaning, proved.code) == (Meaning.PROVED, str(status))
    assert proved.record.status == "cancelled"


@pytest.mark.parametrize("status", ["confirmed", "completed", "rescheduled", "Cancelled", ""])
def test_a_record_that_is_not_cancelled_proves_nothing_of_a_cancellation(status):
    unproved = answer({"data": RECORD | {"status": status}})
    assert (unproved.meaning, unproved.code) == (Meaning.UNKNOWN, "not_cancelled")


@pytest.mark.parametrize("status", ["confirmed", "completed", "cancelled"])
def test_a_read_proves_whatever_status_the_record_has(status):
    assert answer({"data": RECORD | {"status": status}}, ask=Ask.READ).meaning is Meaning.PROVED


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"OK", b"<html>", b"\xff\xfe\x00", b'{"data": ', b"[" * 100_000, b"null", b"true",
     b"7", b'"cancelled"', b"[]", {}, [RECORD], {"success": True}, {"data": None}, {"data": []},
     {"data": [RECORD]}, {"data": {}}, {"success": False, "data": RECORD},
     {"success": "false", "data": RECORD}, {"success": 0, "data": RECORD},
     {"data": RECORD | {"appointment_id": None}}, {"data": RECORD | {"appointment_id": 1}},
     {"data": RECORD | {"status": None}}, {"data": RECORD | {"status": ["cancelled"]}}],
)  # fmt: skip
@pytest.mark.parametrize("ask", [Ask.CANCEL, Ask.READ])
def test_a_success_without_a_record_proves_nothing(ask, body):
    unproved = answer(body, ask=ask)
    assert (unproved.meaning, unproved.code) == (Meaning.UNKNOWN, "unreadable_answer")


@pytest.mark.parametrize("other", ["a2", "A1", "a1 ", ""])
@pytest.mark.parametrize("ask", [Ask.CANCEL, Ask.READ])
def test_the_record_of_another_appointment_is_fatal(ask, other):
    with pytest.raises(FatalAnswer, match="record of another appointment"):
        answer({"data": RECORD | {"appointment_id": other}}, ask=ask)


@settings(deadline=None)
@given(body=json_values)
def test_no_answer_without_a_record_is_a_success(body):
    assert answer(body).meaning is Meaning.UNKNOWN


@settings(deadline=None)
@given(body=st.binary(max_size=200))
def test_no_bytes_wreck_the_reading(body):
    assert answer(body).meaning is Meaning.UNKNOWN


@pytest.mark.parametrize("ask", [Ask.SEARCH, Ask.CONFIG, Ask.WINDOWS])
def test_other_questions_get_the_whole_body(ask):
    assert answer({"data": [1]}, ask=ask).body == {"data": [1]}


@pytest.mark.parametrize("body", [b"", b"null", b"[]", {"success": False, "data": []}])
@pytest.mark.parametrize("ask", [Ask.SEARCH, Ask.CONFIG, Ask.WINDOWS])
def test_other_questions_need_an_object_that_does_not_deny_success(ask, body):
    assert answer(body, ask=ask).meaning is Meaning.UNKNOWN


def test_a_record_is_taken_over_without_the_personal_fields():
    assert record_from(RECORD) == Record(
        appointment_id="a1",
        status="cancelled",
        updated_at=datetime(2026, 6, 1, 5, 59, 59, 123_000, tzinfo=UTC),
        date=date(2026, 6, 15),
        session="Morning",
        branch_id="b1",
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-01T06:00:00Z", NOW),
        ("2026-06-01T11:30:00+05:30", NOW),
        ("2026-06-01T06:00:00", NOW),
        ("2026-06-01T06:00:00.000000001Z", NOW),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1780293600, None),
        ({}, None),
        ("0001-01-01T00:00:00+05:30", None),
        ("9999-12-31T23:59:59-05:30", None),
    ],
)
def test_when_a_record_changed_is_in_utc_or_unknown(text, moment):
    assert moment == record_from(RECORD | {"updated_at": text}).updated_at


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "15.06.2026",
        20260615,
        ["2026-06-15"],
        "2026-02-30",
        "2026-06-14T18:30:00Z",
        "0001-01-01",
        "9999-12-31",
    ],
)
def test_a_day_that_is_none_or_whose_start_has_no_instant_everywhere_is_unknown(value):
    assert record_from(RECORD | {"date": value}).date is None


@pytest.mark.parametrize("after", ["T00:00:00.000Z", " 00:00:00", "T00:00", "T00:00:00+05:30"])
def test_a_day_that_is_kept_as_a_midnight_is_that_day(after):
    assert date(2026, 6, 15) == record_from(RECORD | {"date": f"2026-06-15{after}"}).date


def test_a_branch_that_is_a_number_is_compared_as_it_is_written():
    assert record_from(RECORD | {"branch_id": 12}).branch_id == "12"


@pytest.mark.parametrize("value", [None, "", True, 1.5, [], {}])
def test_a_session_or_branch_that_is_no_text_is_unknown(value):
    record = record_from(RECORD | {"session": value, "branch_id": value})
    assert (record.session, record.branch_id) == (None, None)

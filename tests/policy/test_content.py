from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from batchcancel.ledger.contract import LedgerRow
from batchcancel.policy.content import conflicting_ids, says_otherwise

KOLKATA = ZoneInfo("Asia/Kolkata")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY, TUESDAY = date(2026, 6, 15), date(2026, 6, 16)


def row(appointment_id: str = "a", **said: object) -> LedgerRow:
    """A row of which the manifest says only this."""
    return LedgerRow(appointment_id, None, None, None, None)._replace(**said)


def at(text: str) -> LedgerRow:
    return row(manifest_start=text)


def differ(before: LedgerRow, now: LedgerRow, *, timezone: ZoneInfo | None = None) -> bool:
    """Whether they do, which is the same whoever comes first."""
    found = says_otherwise(before, now, timezone=timezone)
    assert found == says_otherwise(now, before, timezone=timezone)
    return found


@pytest.mark.parametrize(
    "said",
    [
        {"manifest_start": "2026-06-15T09:00Z"},
        {"date": MONDAY},
        {"session": "Morning"},
        {"branch_id": "br_1"},
    ],
)
def test_what_one_of_the_two_leaves_out_is_no_difference(said):
    assert not differ(row(**said), row())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"date": MONDAY}, {"date": TUESDAY}),
        ({"session": "Morning"}, {"session": "Evening"}),
        ({"branch_id": "br_1"}, {"branch_id": "br_2"}),
        ({"date": MONDAY, "session": "Morning"}, {"date": MONDAY, "session": "Evening"}),
    ],
)
def test_every_field_that_both_fill_in_is_compared(one, other):
    assert differ(row(**one), row(**other))


@pytest.mark.parametrize("field", ["session", "branch_id"])
@pytest.mark.parametrize("other", ["MORNING", " morning  ", "", "  ", "'Morning"])
def test_sessions_and_branches_are_compared_as_people_mean_them(field, other):
    assert not differ(row(**{field: "Morning"}), row(**{field: other}))


@pytest.mark.parametrize("other", ["Matine\u0301e", "MATINE\u0301E", "MATIN\u00c9E"])
def test_an_accent_may_be_encoded_in_two_ways(other):
    assert not differ(row(session="Matin\u00e9e"), row(session=other))


@pytest.mark.parametrize(
    ("one", "other", "is_different"),
    [
        ("2026-06-15T09:00+05:30", "2026-06-15T03:30:00.000000Z", False),
        ("2026-06-15t09:00+0530", "2026-06-15 03:30z", False),
        ("2026-06-15T09:00+05:30", "2026-06-15T09:00Z", True),
        ("2026-06-15 03:30:00.5 UTC", "2026-06-15 09:00:00.5 +0530", False),
        ("2026-06-15 03:30:00.5 UTC", "2026-06-22 03:30:00.5 UTC", True),
        ("2026-06-15T03:30GMT", "2026-06-15 08:30 +05", False),
        ("2026-06-15T03:30GMT", "2026-06-15 09:30:00.5 +05", True),
        ("2026-06-15T09:00", "2026-06-15 09:00:00.000000000", False),
        ("2026-06-15T09:00", "2026-06-15T09:30", True),
        ("2026-06-15", "2026-06-15T09:30", False),
        ("2026-06-15", "2026-06-16T09:30", True),
        ("2026-06-15", "2026-06-16", True),
    ],
)
def test_starts_are_compared_as_what_they_mean_and_a_day_alone_is_a_day(one, other, is_different):
    assert is_different == differ(at(one), at(other))


@pytest.mark.parametrize("known_by", ["session", "day"])
@pytest.mark.parametrize(
    ("start", "is_different"), [("2026-06-15T03:30Z", False), ("2026-06-22T03:30Z", True)]
)
def test_of_a_start_that_is_none_of_its_own_only_the_day_is_compared(known_by, start, is_different):
    found = at(start)._replace(start_known_by=known_by)
    assert is_different == differ(at("2026-06-15T05:00Z"), found)


@pytest.mark.parametrize(
    ("local", "instant", "is_different"),
    [
        ("2026-06-15T09:00", "2026-06-15T03:30Z", False),
        ("2026-06-15T09:00", "2026-06-14T19:00Z", False),  # 14 hours ahead there
        ("2026-06-15T09:00", "2026-06-15T21:00Z", False),  # 12 hours behind
        ("2026-06-15T09:00", "2026-06-14T18:59Z", True),
        ("2026-06-15T09:00", "2026-06-15T21:01Z", True),
        ("2026-06-15T09:00", "2026-06-22T03:30Z", True),
        ("2026-06-15", "2026-06-14T10:00Z", False),
        ("2026-06-15", "2026-06-14T09:59Z", True),
        ("2026-06-15", "2026-06-16T11:59Z", False),
        ("2026-06-15", "2026-06-16T12:00Z", True),
    ],
)
def test_a_time_without_an_offset_differs_where_no_timezone_could_make_it_the_same(
    local, instant, is_different
):
    assert is_different == differ(at(local), at(instant))


@pytest.mark.parametrize(
    ("local", "instant", "timezone", "is_different"),
    [
        ("2026-06-15T09:00", "2026-06-15T03:30Z", KOLKATA, False),
        ("2026-06-15T09:00", "2026-06-15T04:00Z", KOLKATA, True),
        ("2026-10-25T02:30", "2026-10-25T00:30Z", BERLIN, False),
        ("2026-10-25T02:30", "2026-10-25T01:30Z", BERLIN, False),  # the clocks show it twice
        ("2026-10-25T02:30", "2026-10-25T02:30Z", BERLIN, True),
        ("2026-06-15", "2026-06-14T18:30Z", KOLKATA, False),
        ("2026-06-15", "2026-06-15T18:30Z", KOLKATA, True),
    ],
)
def test_in_the_timezone_of_the_clinic_it_is_compared_to_the_minute(
    local, instant, timezone, is_different
):
    assert is_different == differ(at(local), at(instant), timezone=timezone)


@pytest.mark.parametrize(
    ("start", "day", "is_different"),
    [
        ("2026-06-15T09:00", MONDAY, False),
        ("2026-06-15T09:00", TUESDAY, True),
        ("2026-06-15T20:00Z", TUESDAY, False),
        ("2026-06-15T09:00Z", date(2026, 6, 22), True),
        ("2026-06-16", MONDAY, True),
    ],
)
def test_a_start_tells_the_day_to_a_manifest_that_has_a_date_in_its_place(start, day, is_different):
    assert is_different == differ(at(start), row(date=day))


def test_where_both_have_a_date_a_start_that_only_one_has_is_not_held_against_it():
    booked = row(date=MONDAY, manifest_start="2026-06-22T09:00Z")
    assert not differ(booked, row(date=MONDAY))


NINE = datetime(2026, 6, 15, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "is_different"),
    [
        (at("2026-06-15T03:30Z"), False),
        (at("2026-06-15T09:00"), False),
        (at("2026-06-15"), False),
        (at("2026-06-15T04:00Z"), True),
        (at("2026-06-17T09:00"), True),
        (row(date=MONDAY), False),
        (row(date=date(2026, 6, 22)), True),
    ],
)
def test_an_older_ledger_is_compared_by_the_instant_that_it_kept(now, is_different):
    assert is_different == says_otherwise(row(starts_at=NINE), now, timezone=None)


def test_an_instant_beside_a_day_may_be_that_of_a_session_and_is_not_compared():
    before = row(starts_at=NINE, date=MONDAY, session="Morning")
    assert not says_otherwise(before, at("2026-06-15T05:00Z"), timezone=None)
    assert says_otherwise(before, at("2026-06-22T05:00Z"), timezone=None)


def test_rows_are_held_against_each_other_by_id():
    before = [row(one, date=MONDAY) for one in "abdf"]
    now = [row(one, date=TUESDAY if one in "bc" else MONDAY) for one in "abcde"]
    assert ["b"] == conflicting_ids(before, now, timezone=None)


def test_nothing_is_at_odds_with_nothing():
    assert [] == conflicting_ids([row()], [], timezone=None)
    assert [] == conflicting_ids([], [row()], timezone=None)

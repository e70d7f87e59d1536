"""Whom to call: a line for each number, in the order in which it is dialled."""

import csv
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from batchcancel.appointments import KnownBy, Start
from batchcancel.ledger.contract import RowRecord, State
from batchcancel.people.contacts import (
    COLUMNS,
    People,
    Person,
    Visit,
    as_table,
    calls,
    dialled,
    to_be_told,
)
from batchcancel.report.results import csv_text

KOLKATA = ZoneInfo("Asia/Kolkata")
NINE = datetime(2026, 6, 15, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(appointment_id, outcome="cancelled", reason=None, state=State.SETTLED):
    return RowRecord(
        appointment_id=appointment_id, starts_at=None, date=None, session=None, branch_id=None,
        state=state, outcome=outcome, reason=reason, attempts=0, opened_at=None, settled_at=None,
    )  # fmt: skip


def visit(appointment_id, name="Asha", phone="+919876543210", *, begins=NINE, lasts=None,
          outcome="cancelled", reason=None, now="cancelled"):  # fmt: skip
    known_by = KnownBy.EXACT if lasts is None else KnownBy.SESSION
    return Visit(
        row=row(appointment_id, outcome, reason), person=Person(name, phone), now=now,
        start=Start(begins, begins + (lasts or timedelta(0)), known_by),
        session="Morning", branch="City",
    )  # fmt: skip


def told(*visits, now=NINE - HOUR, is_csv=False):
    return as_table(calls(visits, now=now), KOLKATA, is_csv=is_csv)


@pytest.mark.parametrize(
    ("written", "number", "reachable"),
    [
        ("+919876543210", "+919876543210", "yes"),
        ("+91 98765-43210", "+919876543210", "yes"),
        ("0091 (98765) 43210", "+919876543210", "yes"),
        ("\u202a+91\u00a098765\u00a043210\u202c", "\u202a+91\u00a098765\u00a043210\u202c", "yes"),
        ("09876543210", "+919876543210", "yes"),
        ("98765 43210", "+919876543210", "yes"),
        (919876543210, "+919876543210", "yes"),
        ("'+919876543210", "+919876543210", "yes"),
        ("٩٨٧٦٥٤٣٢١٠", "+919876543210", "yes"),
        ("+442079460000", "+442079460000", "foreign"),
        ("0044 20 7946 0000", "+442079460000", "foreign"),
        ("", "", "no_phone"),
        ("+91987654321", "+91987654321", "not_a_number"),
        ("+9198765432101", "+9198765432101", "not_a_number"),
        ("+910000000000", "+910000000000", "not_a_number"),
        ("ask the mother", "ask the mother", "not_a_number"),
        ("98765 43210 / 98765 43211", "98765 43210 / 98765 43211", "not_a_number"),
        ("9876543210 x12", "9876543210 x12", "not_a_number"),
    ],
)
def test_a_number_is_dialled_in_one_way_however_it_is_written(written, number, reachable):
    people = People()
    people.wanted.add("a1")
    people.hear({"data": [{"appointment_id": "a1", "patient_name": "A", "parent_phone": written}]})
    found, how = dialled(people.shown["a1"].phone)
    assert reachable == how
    assert found in {number, "+919876543210"}


def test_a_name_with_half_a_character_is_told_without_it():
    people = People()
    people.wanted.add("a1")
    people.hear({"appointment_id": "a1", "patient_name": "Asha \ud83d", "parent_phone": None})
    assert people.shown["a1"].name == "Asha"
    people.shown["a1"].name.encode()


def test_a_family_is_one_call_and_its_others_are_named_with_what_differs():
    table = told(
        visit("a1"),
        visit("a2", "Bala", "098765 43210"),
        visit("a3", "Chitra", begins=NINE + HOUR, outcome="skipped", reason="notice_window",
              now="confirmed"),
        visit("a4", "Dev", "+919876500000", begins=NINE + 2 * HOUR),
    )  # fmt: skip
    assert table.columns == list(COLUMNS)
    assert table["call_no"].to_list() == [1, 2]
    assert table["appointment_id"].to_list() == ["a1", "a4"]
    others = "Bala; Chitra (Mon 2026-06-15 10:00 skipped notice_window)"
    assert table["others"].to_list() == [others, None]


def test_a_word_that_is_no_number_is_shared_by_nobody():
    assert told(visit("a1", phone=""), visit("a2", phone=""), visit("a3", phone="no"),
                visit("a4", phone="no")).height == 4  # fmt: skip


@pytest.mark.parametrize("written", ["+91 98765 43210", "0000000000", "3-4", "1/2 past 5", "=1+1"])
def test_in_csv_a_phone_is_no_number_no_day_and_no_formula_of_a_spreadsheet(written):
    [line] = list(
        csv.DictReader(csv_text(told(visit("a1", phone=written), is_csv=True)).split("\n"))
    )
    assert line["phone"] == f"'{dialled(written)[0]}"


def test_what_has_not_begun_comes_first_then_what_was_cancelled_the_soonest_first():
    table = told(
        visit("begun", phone="", begins=NINE - 2 * HOUR),
        visit("refused", phone="", outcome="refused", now="confirmed"),
        visit("later", phone="", begins=NINE + HOUR),
        visit("under way", phone="", begins=NINE - 2 * HOUR, lasts=4 * HOUR),
        visit("soon", phone=""),
    )
    order = ["under way", "soon", "later", "refused", "begun"]
    assert table["appointment_id"].to_list() == order


def test_a_start_is_told_as_well_as_it_is_known():
    exact, session = told(visit("a1"), visit("a2", phone="", lasts=3 * HOUR))["starts_at"]
    assert exact == "Mon 2026-06-15 09:00"
    assert session == "Mon 2026-06-15, Morning, from 09:00"


def test_what_the_api_shows_now_is_told_where_it_is_something_else():
    table = told(
        visit("a1", phone="1", now="confirmed"),
        visit("a2", phone="2", outcome="refused", reason="SLOT_FULL", now="cancelled"),
        visit("a3", phone="3", outcome="refused", reason="SLOT_FULL", now="confirmed"),
    )
    reasons = ["now confirmed", "SLOT_FULL; now cancelled", "SLOT_FULL"]
    assert table.sort("appointment_id")["reason"].to_list() == reasons


def test_without_wishes_it_is_what_was_cancelled_and_what_was_to_be_and_is_not():
    rows = [
        row("a1"), row("a2", None, state=State.WAITING), row("a3", None, state=State.OPEN),
        row("a4", "skipped", "notice_window"), row("a5", "skipped", "moved"),
        row("a6", "refused"), row("a7", "gave_up", state=State.WAITING), row("a8", "needs_review"),
        row("a9", "not_found"), row("b0", "rejected_row"),
        row("no 1", "already_cancelled"), row("no 2", "skipped", "completed"),
        row("no 3", "skipped", "kept"), row("no 4", "restored"), row(None, "rejected_row"),
        row("no 5", "skipped", "marked_done"), row("a1", "rejected_row"),
    ]  # fmt: skip
    ids = [one.appointment_id for one in to_be_told(rows, wanted=())]
    assert ids == ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "b0"]
    assert ["a4"] == [one.appointment_id for one in to_be_told(rows[3:4], wanted={"skipped"})]


def test_a_hostile_record_is_text_on_one_line():
    people = People()
    people.wanted.update({"a1", "a2"})
    people.hear({"data": [
        {"appointment_id": "a1", "patient_name": "As\nha\u202e \x1b[2J", "parent_phone": ["+91"]},
        {"appointment_id": "a2", "patient_name": None}, {"appointment_id": {}}, "no record", None,
    ]})  # fmt: skip
    for body in (None, [], "x", {"data": 3}, {"data": {"appointment_id": "a9"}}):
        people.hear(body)
    assert people.shown == {"a1": Person("As ha [2J", ""), "a2": Person("", "")}

from datetime import date

import polars as pl
import pytest

from batchcancel.api import Record
from batchcancel.appointments import Outcome, OutcomeName, Said, SkipReason
from batchcancel.ledger.contract import LeftAlone
from batchcancel.policy.observed import SENDABLE, Observed, has_moved, outcome_of, skip_of

DAY = date(2026, 1, 4)
NORTH = "6f9619ff-8b86-d011-b42d-00cf4fc964ff"


def record(**fields) -> Record:
    known = {"status": "confirmed", "date": DAY, "session": "Morning", "branch_id": NORTH}
    return Record(appointment_id="a", **known | fields)


@pytest.mark.parametrize(
    "said",
    [
        Said(),
        Said(DAY),
        Said(DAY, "Morning", NORTH),
        Said(DAY, "  MORNING ", NORTH.upper()),
        Said(None, "Morning"),
    ],
)
def test_what_is_where_the_manifest_says_has_not_moved(said):
    assert not has_moved(said, record())


@pytest.mark.parametrize(
    "said",
    [
        Said(date(2026, 1, 11)),
        Said(DAY, "Afternoon"),
        Said(DAY, "Morning", NORTH[::-1]),
        Said(None, "Evening"),
        Said(date(2026, 1, 3), "Morning", NORTH),
    ],
)
def test_another_day_session_or_branch_is_moved(said):
    assert has_moved(said, record())


def test_what_the_record_leaves_open_has_not_moved():
    said = Said(date(2026, 1, 11), "Evening", "elsewhere")
    assert not has_moved(said, record(date=None, session=None, branch_id=None))


STATUSES = [
    ("confirmed", None),
    ("rescheduled", None),
    ("cancelled", None),
    ("completed", SkipReason.COMPLETED),
    ("COMPLETED", SkipReason.UNKNOWN_STATUS),
    ("Confirmed", SkipReason.UNKNOWN_STATUS),
    ("confirmed ", SkipReason.UNKNOWN_STATUS),
    ("in_progress", SkipReason.UNKNOWN_STATUS),
    ("no_show", SkipReason.UNKNOWN_STATUS),
    ("", SkipReason.UNKNOWN_STATUS),
]


@pytest.mark.parametrize(("status", "reason"), STATUSES)
def test_a_status_counts_to_the_letter(status, reason):
    assert skip_of(Said(DAY), record(status=status), statuses=SENDABLE) is reason


@pytest.mark.parametrize(("status", "reason"), STATUSES)
def test_what_a_record_is_comes_before_where_it_is(status, reason):
    moved = SkipReason.MOVED if status in SENDABLE else reason
    assert skip_of(Said(date(2026, 1, 5)), record(status=status), statuses=SENDABLE) is moved


def test_the_statuses_that_are_named_are_sent_and_no_others():
    named = ("confirmed", "no_show")
    reasons = [skip_of(Said(), record(status=one), statuses=named) for one in (*named, *SENDABLE)]
    assert reasons == [None, None, None, SkipReason.UNKNOWN_STATUS]


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_visit_that_took_place_or_will_not_is_never_sent(status):
    assert outcome_of(Said(), record(status=status), statuses=(status,)) is not None


def test_a_record_alone_ends_a_row_or_leaves_it_to_be_cancelled():
    ends = {
        status: outcome_of(Said(DAY), record(status=status), statuses=SENDABLE)
        for status in ("confirmed", "cancelled", "completed")
    }
    assert ends == {
        "confirmed": None,
        "cancelled": Outcome(OutcomeName.ALREADY_CANCELLED),
        "completed": Outcome(OutcomeName.SKIPPED, SkipReason.COMPLETED),
    }


@pytest.mark.parametrize(("reason", "stands"), [("kept", True), ("moved", False)])
def test_what_a_person_keeps_stands_until_it_is_seen_and_what_was_left_alone_is_read(
    reason, stands
):
    observed = Observed(left=[LeftAlone("a", "skipped", reason)], may_be_read=True)
    [row] = observed.beside(pl.DataFrame({"appointment_id": ["a"]})).to_dicts()

    assert (stands, not stands) == (row["outcome"] == "skipped", row["is_missed"])

import io
from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from batchcancel.appointments import RejectedRow
from batchcancel.errors import InputError
from batchcancel.ledger.contract import LedgerRow
from batchcancel.reader.manifest import Manifest
from batchcancel.reader.read import read_manifest

BERLIN = ZoneInfo("Europe/Berlin")
NINE = datetime(2026, 6, 15, 9, tzinfo=UTC)
MONDAY = date(2026, 6, 15)

MIXED = """\
appointment_id,starts_at,date,session,branch_id
e,,,,
d,,2026-06-15,,
c,,2026-06-15,morning,b1
b,2026-06-15T11:00,2026-06-15,morning,b1
a,2026-06-15T09:00Z,,,
"""


def manifest(text: str) -> Manifest:
    return read_manifest("-", stdin=io.BytesIO(text.encode()))


def starts(read: Manifest) -> dict[str, datetime | None]:
    return dict(read.frame.select("appointment_id", "starts_at").iter_rows())


def rejected(read: Manifest) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in read.rejected]


def test_the_frame_always_has_the_same_columns():
    expected = {
        "line": pl.Int64,
        "appointment_id": pl.String,
        "starts_at": pl.Datetime("us", "UTC"),
        "local_start": pl.Datetime("us"),
        "date": pl.Date,
        "session": pl.String,
        "branch_id": pl.String,
        "notes": pl.String,
        "manifest_start": pl.String,
        "marked": pl.String,
    }
    everything = [manifest("appointment_id\na\n"), manifest(MIXED), manifest(MIXED + "?,,,,\n")]
    everything += [read.in_timezone(BERLIN) for read in everything]
    everything += [read.with_session_starts({}, BERLIN) for read in everything]
    assert [expected] * len(everything) == [dict(read.frame.schema) for read in everything]


def test_exact_repetitions_collapse_into_the_first_and_are_counted():
    read = manifest(
        "appointment_id,starts_at\nb,\na,2026-06-15T09:00Z\na,2026-06-15T11:00+02\nb,\n"
    )
    assert [("a", 3), ("b", 2)] == read.frame.select("appointment_id", "line").rows()
    assert (2, 2, ()) == (read.rows, read.duplicates, read.rejected)


def test_rows_that_contradict_each_other_are_all_rejected():
    read = manifest("appointment_id,notes\na,x\nb,\na,y\na,x\n")
    assert [(2, "conflicting_duplicate"), (4, "conflicting_duplicate")] == rejected(read)
    assert (["b"], 3, 1) == (read.ids(), read.rows, read.duplicates)


def test_a_row_contradicted_by_an_unreadable_one_is_rejected_too():
    read = manifest("appointment_id,starts_at\na,2026-06-15T09:00Z\na,tomorrow\n")
    assert [(2, "conflicting_duplicate"), (3, "unreadable_time")] == rejected(read)


def test_the_digest_does_not_depend_on_the_order_of_rows_or_columns():
    one = manifest("appointment_id,notes,extra\na,x,1\nb,,2\n?,,3\n")
    other = manifest("notes,appointment_id\n,b\n,!\nx,a\n")
    assert one.digest == other.digest


def test_the_digest_does_not_depend_on_repetitions_or_on_how_an_instant_is_written():
    one = manifest("appointment_id,starts_at\na,2026-06-15T09:00Z\n")
    other = manifest("appointment_id,appointment_date\n" + 2 * "a,2026-06-15 11:00:00.0+02:00\n")
    assert one.digest == other.digest


@pytest.mark.parametrize(
    "text",
    [
        "appointment_id\nab\n",
        "appointment_id\na\n",
        "appointment_id\na\nb\nc\n",
        "appointment_id\na\nb\n?\n",
        "appointment_id\na\nb\n?\n!\n",
        'appointment_id\na\nb\n""\n',
        "appointment_id,notes\na,b\nb,\n",
        "appointment_id,notes\na,\nb,b\n",
        "appointment_id,session\na,b\nb,\n",
        "appointment_id,branch_id\na,b\nb,\n",
        "appointment_id,session,notes\na,x,yz\nb,,\n",
        "appointment_id,session,notes\na,xy,z\nb,,\n",
        "appointment_id,date\na,2026-06-15\nb,\n",
        "appointment_id,starts_at\na,2026-06-15\nb,\n",
        "appointment_id,starts_at\na,2026-06-15T00:00Z\nb,\n",
        "appointment_id,notes\na,-\nb,\n",
    ],
)
def test_every_difference_in_content_changes_the_digest(text):
    assert manifest("appointment_id\na\nb\n").digest != manifest(text).digest


def test_the_digest_of_different_contents_is_different():
    texts = [
        "appointment_id,session,notes\na,x,yz\n",
        "appointment_id,session,notes\na,xy,z\n",
        "appointment_id,session,notes\na,xyz,\n",
        "appointment_id,session,notes\na,,xyz\n",
    ]
    assert len(texts) == len({manifest(text).digest for text in texts})


def test_what_is_found_out_later_does_not_change_the_digest():
    read = manifest(MIXED)
    later = (
        read.in_timezone(BERLIN)
        .with_session_starts(dict.fromkeys(read.sessions_wanted()), BERLIN)
        .with_known_starts([("e", NINE)])
    )
    assert read.digest == later.digest


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a,,", False),
        ("a,2026-06-15T09:00Z,2026-06-15", False),
        ("a,2026-06-15T09:00,", True),
        ("a,,2026-06-15", True),
    ],
)
def test_a_timezone_is_needed_for_local_times_and_for_days(row, expected):
    assert expected is manifest(f"appointment_id,starts_at,date\n{row}\n").needs_timezone


def test_in_its_timezone_a_local_start_becomes_an_instant():
    read = manifest(MIXED).in_timezone(BERLIN)
    expected = {"a": NINE, "b": NINE, "c": None, "d": None, "e": None}
    assert expected == starts(read)
    assert read.frame.get_column("local_start").null_count() == read.frame.height


def test_an_ambiguous_local_time_is_the_earlier_instant():
    read = manifest("appointment_id,starts_at\na,2026-10-25T02:30\n").in_timezone(BERLIN)
    assert {"a": datetime(2026, 10, 25, 0, 30, tzinfo=UTC)} == starts(read)


def test_a_row_at_a_skipped_local_time_is_rejected_in_the_order_of_lines():
    text = "appointment_id,starts_at\na,2026-03-29T02:30\nb,\nc,?\n"
    read = manifest(text).in_timezone(BERLIN)
    assert [(2, "non_existent_time"), (4, "unreadable_time")] == rejected(read)
    assert (["b"], 3) == (read.ids(), read.rows)


def test_far_future_summers_have_summer_time():
    read = manifest("appointment_id,starts_at\na,2150-07-01T09:00\n").in_timezone(BERLIN)
    assert {"a": datetime(2150, 7, 1, 7, tzinfo=UTC)} == starts(read)


def test_sessions_are_wanted_for_rows_with_a_day_and_no_start():
    assert [(MONDAY, None, None), (MONDAY, "morning", "b1")] == manifest(MIXED).sessions_wanted()


def test_a_session_start_completes_exactly_the_rows_of_its_day_session_and_branch():
    sessions = {(MONDAY, "morning", "b1"): time(8), (MONDAY, "evening", "b1"): time(17)}
    read = manifest(MIXED).in_timezone(BERLIN).with_session_starts(sessions, BERLIN)
    eight = datetime(2026, 6, 15, 6, tzinfo=UTC)
    assert {"a": NINE, "b": NINE, "c": eight, "d": None, "e": None} == starts(read)


def test_an_unknown_session_starts_with_its_day():
    read = manifest(MIXED).in_timezone(BERLIN)
    complete = read.with_session_starts(dict.fromkeys(read.sessions_wanted()), BERLIN)
    midnight = datetime(2026, 6, 14, 22, tzinfo=UTC)
    assert {"a": NINE, "b": NINE, "c": midnight, "d": midnight, "e": None} == starts(complete)
    assert ([], False) == (complete.sessions_wanted(), complete.needs_timezone)


def test_known_starts_fill_gaps_only():
    later = (NINE + timedelta(hours=3)).astimezone(timezone(timedelta(hours=2)))
    read = manifest(MIXED).in_timezone(BERLIN)
    known = read.with_known_starts([("a", later), ("e", later), ("stranger", later)])
    assert {"a": NINE, "b": NINE, "c": None, "d": None, "e": later} == starts(known)


def test_known_starts_are_aware():
    with pytest.raises(ValueError, match="naive"):
        manifest(MIXED).with_known_starts([("e", NINE.replace(tzinfo=None))])


def test_rows_that_say_nothing_of_their_start_are_told():
    assert ["e"] == manifest(MIXED).unknown_starts()


def test_a_clean_manifest_passes():
    manifest(MIXED).require_clean()


def test_rejected_rows_are_told_in_plain_words_without_their_content():
    with pytest.raises(InputError) as caught:
        manifest("appointment_id,starts_at\nMs Smith,\na,tomorrow\n").require_clean()
    assert caught.value.message == (
        "2 rows of the manifest cannot be used; nothing was sent:\n"
        "  line 2: the appointment_id is not 1 to 64 of the characters A-Z a-z 0-9 _ -\n"
        "  line 3: the start is not a time such as 2026-06-15T09:00+05:30"
    )
    assert "--allow-rejected-rows" in caught.value.hint


def test_only_the_first_twenty_rejected_rows_are_told():
    with pytest.raises(InputError) as caught:
        manifest("appointment_id\n" + "?\n" * 25).require_clean()
    first, *told = caught.value.message.splitlines()
    assert ("25 rows", 21, "  and 5 more") == (first[:7], len(told), told[-1])


def test_ledger_rows_are_sorted_by_id_and_carry_no_notes():
    read = manifest(
        "appointment_id,starts_at,date,session,branch_id,notes\nb,,,,,hello\n"
        "a,2026-06-15T11:00+02,2026-06-15,morning,b1,\n"
    )
    expected = [
        LedgerRow("a", NINE, MONDAY, "morning", "b1", 3, "2026-06-15T11:00+02"),
        LedgerRow("b", None, None, None, None, 2, None),
    ]
    assert expected == list(read.ledger_rows())


def test_rejected_rows_are_records():
    assert (RejectedRow(line=2, reason="empty_id"),) == manifest('appointment_id\n""\n').rejected

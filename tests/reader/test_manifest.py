from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from batchcancel.appointments import KnownBy, Start
from batchcancel.errors import InputError
from batchcancel.ledger.contract import LedgerRow
from batchcancel.reader.manifest import Manifest, SessionKey
from batchcancel.reader.read import read_manifest
from batchcancel.reader.times import KNOWN_BY, STARTS, day_start, start_of

BERLIN = ZoneInfo("Europe/Berlin")
NINE = datetime(2026, 6, 15, 9, tzinfo=UTC)
MONDAY = date(2026, 6, 15)
EXACT, DAY = Start.exact(NINE), day_start(MONDAY, BERLIN)
MORNING = Start(NINE.replace(hour=6), NINE.replace(hour=10), KnownBy.SESSION)

MIXED = """\
appointment_id,starts_at,date,session,branch_id
e,,,,
d,,2026-06-15,,
c,,2026-06-15,morning,b1
b,2026-06-15T11:00,2026-06-15,morning,b1
a,2026-06-15T09:00Z,,,
"""


def manifest(text: str) -> Manifest:
    return read_manifest(text.encode())


def starts(read: Manifest) -> dict[str, Start | None]:
    rows = read.frame.select("appointment_id", *STARTS).iter_rows()
    return {one: start_of(*start) for one, *start in rows}


def whole_days(read: Manifest) -> dict[SessionKey, Start]:
    return {key: day_start(key[0], BERLIN) for key in read.sessions_wanted()}


def rejected(read: Manifest) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in read.rejected]


@pytest.mark.parametrize(
    ("starts", "is_told"),
    [
        (["2026-06-15T00:00", "2026-06-16 00:00:00.000"], True),
        (["2026-06-15T00:00:00Z", "2026-06-16 00:00 UTC", ""], True),
        (["2026-06-15T00:00+05:30"], True),
        (["2026-06-15T00:00+05:30,day"], False),
        (["2026-06-15T00:00", "2026-06-15T09:00"], False),
        (["2026-06-15T00:00:30"], False),
        (["2026-06-15"], False),
        ([""], False),
    ],
)
def test_it_is_told_where_every_start_is_a_midnight_as_programs_write_days(starts, is_told):
    rows = "".join(f"a{number},{one}\n" for number, one in enumerate(starts))
    header = "appointment_id,starts_at" + ",start_known_by" * any("," in one for one in starts)
    told = [one.code for one in manifest(f"{header}\n{rows}").cautions]
    assert ["starts_at_midnight"] * is_told == told


def test_the_frame_always_has_the_same_columns():
    expected = {
        "line": pl.Int64,
        "appointment_id": pl.String,
        "starts_at": pl.Datetime("us", "UTC"),
        "latest_start": pl.Datetime("us", "UTC"),
        "start_known_by": KNOWN_BY,
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
    everything += [read.with_session_starts({}) for read in everything]
    everything += [read.with_session_starts(whole_days(read)) for read in everything]
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
    ["appointment_id\nab\n", "appointment_id\na\n", "appointment_id\na\nb\nc\n",
     "appointment_id\na\nb\n?\n", "appointment_id\na\nb\n?\n!\n", 'appointment_id\na\nb\n""\n',
     "appointment_id,notes\na,b\nb,\n", "appointment_id,notes\na,\nb,b\n",
     "appointment_id,session\na,b\nb,\n", "appointment_id,branch_id\na,b\nb,\n",
     "appointment_id,session,notes\na,x,yz\nb,,\n", "appointment_id,session,notes\na,xy,z\nb,,\n",
     "appointment_id,date\na,2026-06-15\nb,\n", "appointment_id,starts_at\na,2026-06-15\nb,\n",
     "appointment_id,starts_at\na,2026-06-15T00:00\nb,\n",
     "appointment_id,starts_at\na,2026-06-15T00:00Z\nb,\n", "appointment_id,notes\na,-\nb,\n"],
)  # fmt: skip
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
    later = read.in_timezone(BERLIN).with_session_starts(whole_days(read))
    assert read.digest == later.digest


@pytest.mark.parametrize(
    ("row", "expected"),
    [("a,,", False), ("a,2026-06-15T09:00Z,2026-06-15", False), ("a,2026-06-15T09:00,", True),
     ("a,,2026-06-15", True), ("a,2026-06-15,", True), ("a,2026-06-15T09:00Z,,exact", False),
     ("a,2026-06-15T09:00Z,,session", True), ("a,2026-06-15T09:00Z,,day", True),
     ("a,,,day", False)],
)  # fmt: skip
def test_a_timezone_is_needed_for_local_times_days_and_what_a_session_tells(row, expected):
    header = ",".join(
        ["appointment_id,starts_at,date", "start_known_by"][: 1 + row.count(",") // 3]
    )
    assert expected is manifest(f"{header}\n{row}\n").needs_timezone


def test_in_its_timezone_a_local_start_becomes_an_instant():
    read = manifest(MIXED).in_timezone(BERLIN)
    expected = {"a": EXACT, "b": EXACT, "c": None, "d": None, "e": None}
    assert expected == starts(read)
    assert read.frame.get_column("local_start").null_count() == read.frame.height


def test_a_row_at_a_skipped_local_time_is_rejected_in_the_order_of_lines():
    text = "appointment_id,starts_at\na,2026-03-29T02:30\nb,\nc,?\n"
    read = manifest(text).in_timezone(BERLIN)
    assert [(2, "non_existent_time"), (4, "unreadable_time")] == rejected(read)
    assert (["b"], 3) == (read.ids(), read.rows)


@pytest.mark.parametrize(
    "row",
    ["a,2026-06-15T09:00Z,2026-06-15T10:00Z,", "a,2026-06-15T09:00,2026-06-15T10:00,",
     "a,2026-06-15,2026-06-16,", "a,2026-06-15,,2026-06-16", "a,,2026-06-15,2026-06-16",
     "a,2026-06-15T09:00,,2026-06-16", "a,2026-06-15T09:00,2026-06-16,",
     "a,2026-06-15T09:00Z,2026-06-16T09:00,2026-06-15",
     "a,2026-06-15T09:00Z,2026-06-16,2026-06-15"],
)  # fmt: skip
def test_columns_that_name_different_starts_or_days_make_a_rejected_row(row):
    read = manifest(f"appointment_id,starts_at,appointment_date,date\n{row}\nb,,,\n")
    assert ([(2, "contradicting_start")], ["b"]) == (rejected(read), read.ids())


@pytest.mark.parametrize(
    "row",
    ["a,2026-06-15T09:00Z,2026-06-15T11:00+02,2026-06-15",
     "a,2026-06-15T09:00,2026-06-15,2026-06-15", "a,2026-06-15,2026-06-15T09:00,2026-06-15",
     "a,2026-06-14T22:00Z,,2026-06-15", "a,2026-06-15T00:00,,2026-06-15"],
)  # fmt: skip
def test_columns_that_say_the_same_agree(row):
    read = manifest(f"appointment_id,starts_at,appointment_date,date\n{row}\n")
    assert () == read.in_timezone(BERLIN).rejected


@pytest.mark.parametrize("known_by", ["", "exact", "session", "day"])
def test_a_start_on_another_day_of_the_clinic_than_the_date_says_makes_a_rejected_row(known_by):
    text = "appointment_id,starts_at,date,start_known_by\n"
    read = manifest(f"{text}a,2026-06-14T21:59Z,2026-06-15,{known_by}\nb,,,\n")
    assert () == read.rejected
    there = read.in_timezone(BERLIN)
    assert ([(2, "contradicting_start")], ["b"]) == (rejected(there), there.ids())


def test_a_date_of_something_else_beside_a_start_names_the_option_that_ignores_it():
    text = "appointment_id,starts_at,date\na,2026-06-15T09:00,2026-05-02\n"
    with pytest.raises(InputError, match="--ignore-column date"):
        manifest(text).require_clean()


@pytest.mark.parametrize(
    ("local", "instant"),
    [("2150-07-01T09:00", datetime(2150, 7, 1, 7, tzinfo=UTC)),
     ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC))],
    ids=["a summer far ahead", "the earlier of two"],
)  # fmt: skip
def test_local_times_become_instants_by_the_clocks_of_their_day(local, instant):
    read = manifest(f"appointment_id,starts_at\na,{local}\n").in_timezone(BERLIN)
    assert {"a": Start.exact(instant)} == starts(read)


def test_sessions_are_wanted_for_rows_with_a_day_and_no_start():
    assert [(MONDAY, None, None), (MONDAY, "morning", "b1")] == manifest(MIXED).sessions_wanted()


def test_a_session_start_completes_exactly_the_rows_of_its_day_session_and_branch():
    sessions = {
        (MONDAY, "morning", "b1"): MORNING,
        (MONDAY, "evening", "b1"): day_start(MONDAY, BERLIN),
    }
    read = manifest(MIXED).in_timezone(BERLIN).with_session_starts(sessions)
    assert {"a": EXACT, "b": EXACT, "c": MORNING, "d": None, "e": None} == starts(read)


def test_when_every_session_has_a_start_none_is_wanted():
    read = manifest(MIXED).in_timezone(BERLIN)
    complete = read.with_session_starts(whole_days(read))
    assert {"a": EXACT, "b": EXACT, "c": DAY, "d": DAY, "e": None} == starts(complete)
    assert ([], False) == (complete.sessions_wanted(), complete.needs_timezone)


@pytest.mark.parametrize("column", ["starts_at", "appointment_date"])
def test_a_day_alone_in_the_place_of_a_start_is_a_day(column):
    read = manifest(f"appointment_id,{column},session\na,2026-06-15,morning\nb,2026-06-15,\n")
    assert [(MONDAY, None, None), (MONDAY, "morning", None)] == read.sessions_wanted()
    complete = read.in_timezone(BERLIN).with_session_starts({(MONDAY, "morning", None): MORNING})
    assert {"a": MORNING, "b": None} == starts(complete)


TOLD_BY_LESS = """\
appointment_id,starts_at,date,session,start_known_by
a,2026-06-15T09:00Z,2026-06-15,morning,session
b,2026-06-15T11:00,,morning,session
c,2026-06-15T09:00Z,,morning,day
d,2026-06-14T22:30Z,,morning,day
e,2026-06-15T09:00Z,,morning,exact
f,,2026-06-15,morning,day
g,,2026-06-15,morning,session
"""


def test_a_start_that_is_said_to_be_known_by_less_takes_its_end_from_session_or_day():
    read = manifest(TOLD_BY_LESS).in_timezone(BERLIN)
    assert [(MONDAY, None, None), (MONDAY, "morning", None)] == read.sessions_wanted()
    found = {(MONDAY, None, None): DAY, (MONDAY, "morning", None): MORNING}
    assert {
        "a": Start(NINE, MORNING.latest, KnownBy.SESSION),
        "b": Start(NINE, MORNING.latest, KnownBy.SESSION),
        "c": Start(NINE, DAY.latest, KnownBy.DAY),
        "d": Start(datetime(2026, 6, 14, 22, 30, tzinfo=UTC), DAY.latest, KnownBy.DAY),
        "e": EXACT,
        "f": DAY,
        "g": MORNING,
    } == starts(read.with_session_starts(found))


def test_a_start_after_the_end_of_its_session_begins_when_it_is_said_to():
    text = "appointment_id,starts_at,session,start_known_by\na,2026-06-15T20:00Z,morning,session\n"
    read = manifest(text).in_timezone(BERLIN)
    evening = NINE.replace(hour=20)
    complete = read.with_session_starts({(MONDAY, "morning", None): MORNING})
    assert {"a": Start(evening, evening, KnownBy.SESSION)} == starts(complete)


def test_until_its_end_is_known_such_a_start_is_none():
    assert {"a": None, "e": EXACT} == {
        one: start for one, start in starts(manifest(TOLD_BY_LESS)).items() if one in "ae"
    }


@pytest.mark.parametrize("word", ["hour", "exactly", "0"])
def test_another_word_for_what_a_start_is_known_by_is_not_guessed_at(word):
    read = manifest(f"appointment_id,start_known_by\na,{word}\nb,\n")
    assert ([(2, "unreadable_known_by")], ["b"]) == (rejected(read), read.ids())


def test_only_a_start_that_is_no_exact_one_changes_the_digest():
    plain = manifest("appointment_id,starts_at\na,2026-06-15T09:00Z\n").digest
    told = {
        word: manifest(f"appointment_id,starts_at,start_known_by\na,2026-06-15T09:00Z,{word}\n")
        for word in ("", "exact", "session", "day")
    }
    assert {plain} == {told[""].digest, told["exact"].digest}
    assert 3 == len({plain, told["session"].digest, told["day"].digest})


def test_rows_that_differ_in_what_their_start_is_known_by_contradict_each_other():
    read = manifest(
        "appointment_id,starts_at,start_known_by\n"
        "a,2026-06-15T09:00Z,day\na,2026-06-15T09:00Z,session\n"
    )
    assert [(2, "conflicting_duplicate"), (3, "conflicting_duplicate")] == rejected(read)


def test_rows_that_say_nothing_of_their_start_are_told():
    assert manifest(MIXED).has_unknown_start
    assert not manifest(MIXED.replace("e,,,,\n", "")).has_unknown_start


def test_rejected_rows_are_told_in_plain_words_with_the_cell_and_no_other():
    text = "appointment_id,starts_at,notes\n\xa0apt1,,Ms Smith\na,tomorrow,Ms Smith\n"
    with pytest.raises(InputError) as caught:
        manifest(text).require_clean()
    assert caught.value.message == (
        "2 rows of the manifest cannot be used; nothing was sent:\n"
        "  line 2: the appointment_id is not 1 to 64 of the characters A-Z a-z 0-9 _ -: "
        "'\\xa0apt1'\n"
        "  line 3: the start is not a time such as 2026-06-15T09:00+05:30: 'tomorrow'"
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
        LedgerRow("a", NINE, MONDAY, "morning", "b1", 3, "exact", "2026-06-15T11:00+02"),
        LedgerRow("b", None, None, None, None, 2),
    ]
    assert expected == list(read.ledger_rows())

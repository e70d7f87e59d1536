import polars as pl
import pytest

from batchcancel.appointments import OutcomeName, SkipReason
from batchcancel.ledger.contract import State
from batchcancel.reader.manifest import Manifest
from batchcancel.reader.read import read_manifest

DECIDED_ANEW = {"notice_window", "already_started", "unknown_start"}
DONE = [*sorted({*OutcomeName} - {"gave_up", "skipped", "rejected_row"}), "restored"]


def manifest(*rows: str, columns: str = "appointment_id,outcome,reason") -> Manifest:
    return read_manifest("\n".join([columns, *rows]).encode())


def marks(read: Manifest) -> dict[str, str | None]:
    return dict(read.frame.select("appointment_id", "marked").iter_rows())


@pytest.mark.parametrize("word", DONE)
def test_every_final_outcome_of_ours_marks_its_row_as_done(word):
    assert {"a": word} == marks(manifest(f"a,{word},"))


@pytest.mark.parametrize("word", ["", "  ", "gave_up", *State])
def test_a_row_without_a_final_outcome_is_to_be_done(word):
    assert {"a": None} == marks(manifest(f"a,{word},"))


@pytest.mark.parametrize("reason", ["", *SkipReason, "anything"])
def test_a_skipped_row_is_done_but_for_reasons_of_its_time(reason):
    expected = None if reason in DECIDED_ANEW else "skipped"
    assert {"a": expected} == marks(manifest(f"a,skipped,{reason}"))


def test_a_skipped_row_without_a_column_of_reasons_is_done():
    assert {"a": "skipped"} == marks(manifest("a,skipped", columns="appointment_id,outcome"))


def test_a_reason_alone_says_nothing():
    read = manifest("a,completed", columns="appointment_id,reason")
    assert ({"a": None}, ()) == (marks(read), read.cautions)


def test_blanks_around_a_word_do_not_count_and_capitals_do():
    read = manifest("a, cancelled ,", "b,Cancelled,", "c,skipped, notice_window ")
    assert {"a": "cancelled", "b": None, "c": None} == marks(read)


def test_words_of_others_are_counted_and_those_that_look_like_codes_are_named():
    rows = ["a,no_show,", "b,cancelled,", "c,no_show,", "d,waiting,", "e,,", "f,Ms Smith rang,"]
    read = manifest(*rows)
    [caution] = read.cautions
    assert "foreign_outcome" == caution.code
    assert "3 rows that are none of this program's (no_show)" in caution.text
    assert ["b"] == read.marked_ids()


def test_a_word_that_may_be_about_a_person_is_not_repeated():
    [caution] = manifest("a,Ms Smith rang,").cautions
    assert "1 row that" in caution.text
    assert "Smith" not in caution.text


def test_only_the_first_few_words_of_others_are_named():
    [caution] = manifest(*(f"a{number},w{number}," for number in range(9))).cautions
    assert "9 rows that are none of this program's (w0, w1, w2, w3, w4)" in caution.text


def test_a_status_is_never_read():
    read = manifest("a,cancelled", columns="appointment_id,status")
    assert ({"a": None}, ()) == (marks(read), read.cautions)


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["cancelled", "waiting"])])
def test_words_are_read_from_parquet_however_they_are_written(tmp_path, dtype):
    outcomes = pl.Series("outcome", ["cancelled", None, "waiting"], dtype)
    path = tmp_path / "export.parquet"
    pl.DataFrame([pl.Series("appointment_id", ["a", "b", "c"]), outcomes]).write_parquet(path)
    assert ["a"] == read_manifest(str(path)).marked_ids()


def test_what_may_be_sent_once_more_is_let_through_when_asked_for():
    read = manifest("a,cancelled,", "b,refused,CODE", "c,not_found,NOT_FOUND", "d,,")
    assert ["a", "b", "c"] == read.marked_ids()
    assert ["a"] == read.with_refused_undone().marked_ids()


def test_marks_belong_to_the_content_and_words_without_an_outcome_do_not():
    plain = manifest("a", "b", columns="appointment_id")
    same = [manifest("a,,", "b,waiting,"), manifest("a,open,", "b,no_show,")]
    other = [manifest("a,cancelled,", "b,,"), manifest("a,,", "b,cancelled,")]
    assert {plain.digest} == {one.digest for one in same}
    assert 3 == len({plain.digest, *(one.digest for one in other)})


def test_the_same_row_once_done_and_once_not_contradicts_itself():
    read = manifest("a,cancelled,", "a,,", "b,cancelled,", "b,cancelled,")
    assert ["conflicting_duplicate"] * 2 == [row.reason for row in read.rejected]
    assert (["b"], 1) == (read.marked_ids(), read.duplicates)


def test_of_rows_that_are_done_nothing_is_asked():
    columns = "appointment_id,starts_at,date,session,outcome"
    rows = [
        "a,2026-06-15T09:00,,,cancelled",
        "b,,2026-06-15,Morning,cancelled",
        "c,,,,cancelled",
    ]
    read = manifest(*rows, columns=columns)
    assert (False, [], []) == (read.needs_timezone, read.sessions_wanted(), read.unknown_starts())

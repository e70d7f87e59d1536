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


def done(read: Manifest) -> list[str]:
    return [one for one, mark in marks(read).items() if mark is not None]


@pytest.mark.parametrize(
    ("row", "mark"),
    [*((f"{word},", word) for word in DONE),
     *((f"{word},", None) for word in ("", "  ", "gave_up", *State)),
     *((f"skipped,{reason}", None if reason in DECIDED_ANEW else "skipped")
       for reason in ("", *SkipReason, "anything")),
     (" cancelled ,", "cancelled"), ("Cancelled,", None), ("skipped, notice_window ", None)],
)  # fmt: skip
def test_final_outcomes_of_ours_mark_a_row_as_done_but_for_reasons_of_their_time(row, mark):
    assert {"a": mark} == marks(manifest(f"a,{row}"))


@pytest.mark.parametrize(
    ("column", "word", "mark"),
    [
        ("outcome", "skipped", "skipped"),
        ("reason", "completed", None),
        ("status", "cancelled", None),
    ],
)
def test_an_outcome_alone_counts_and_a_reason_or_a_status_alone_says_nothing(column, word, mark):
    read = manifest(f"a,{word}", columns=f"appointment_id,{column}")
    assert ({"a": mark}, ()) == (marks(read), read.cautions)


def test_words_of_others_are_counted_and_those_that_look_like_codes_are_named():
    rows = ["a,no_show,", "b,cancelled,", "c,no_show,", "d,waiting,", "e,,", "f,Ms Smith rang,"]
    read = manifest(*rows)
    [caution] = read.cautions
    assert "foreign_outcome" == caution.code
    assert "3 rows that are none of this program's (no_show)" in caution.text
    assert ["b"] == done(read)


def test_a_word_that_may_be_about_a_person_is_not_repeated():
    [caution] = manifest("a,Ms Smith rang,").cautions
    assert "1 row that" in caution.text
    assert "Smith" not in caution.text


def test_only_the_first_few_words_of_others_are_named():
    [caution] = manifest(*(f"a{number},w{number}," for number in range(9))).cautions
    assert "9 rows that are none of this program's (w0, w1, w2, w3, w4)" in caution.text


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["cancelled", "waiting"])])
def test_words_are_read_from_parquet_however_they_are_written(tmp_path, dtype):
    outcomes = pl.Series("outcome", ["cancelled", None, "waiting"], dtype)
    path = tmp_path / "export.parquet"
    pl.DataFrame([pl.Series("appointment_id", ["a", "b", "c"]), outcomes]).write_parquet(path)
    assert ["a"] == done(read_manifest(str(path)))


def test_what_may_be_sent_once_more_is_let_through_when_asked_for():
    read = manifest("a,cancelled,", "b,refused,CODE", "c,not_found,NOT_FOUND", "d,,")
    assert ["a", "b", "c"] == done(read)
    assert ["a"] == done(read.with_refused_undone())


def test_marks_belong_to_the_content_and_words_without_an_outcome_do_not():
    plain = manifest("a", "b", columns="appointment_id")
    same = [manifest("a,,", "b,waiting,"), manifest("a,open,", "b,no_show,")]
    other = [manifest("a,cancelled,", "b,,"), manifest("a,,", "b,cancelled,")]
    assert {plain.digest} == {one.digest for one in same}
    assert 3 == len({plain.digest, *(one.digest for one in other)})


def test_the_same_row_once_done_and_once_not_contradicts_itself():
    read = manifest("a,cancelled,", "a,,", "b,cancelled,", "b,cancelled,")
    assert ["conflicting_duplicate"] * 2 == [row.reason for row in read.rejected]
    assert (["b"], 1) == (done(read), read.duplicates)


def test_of_rows_that_are_done_nothing_is_asked():
    columns = "appointment_id,starts_at,date,session,outcome"
    rows = [
        "a,2026-06-15T09:00,,,cancelled",
        "b,,2026-06-15,Morning,cancelled",
        "c,,,,cancelled",
    ]
    read = manifest(*rows, columns=columns)
    assert (False, [], False) == (
        read.needs_timezone,
        read.sessions_wanted(),
        read.has_unknown_start,
    )

from dataclasses import replace

import pytest

from batchcancel.report.tables import count_table, grouped, table
from tests.tallies import counts_of

TROUBLE = ["rejected_rows", "not_found", "refused", "gave_up", "needs_review", "open", "waiting"]


def shown(**numbers: object) -> dict[str, int]:
    lines = count_table(counts_of(**numbers))
    cells = [line.split("  ") for line in lines]
    return {
        name: int(rows.replace(",", ""))
        for name, rows, *_ in ([cell.strip() for cell in line if cell.strip()] for line in cells)
    }


@pytest.mark.parametrize(
    ("count_", "text"), [(0, "0"), (999, "999"), (1000, "1,000"), (1_000_000, "1,000,000")]
)
def test_thousands_are_set_apart(count_, text):
    assert text == grouped(count_)


def test_names_stand_to_the_left_and_numbers_to_the_right():
    assert table([("a", "1,000", "much"), ("long name", "5", "")]) == [
        "  a          1,000  much",
        "  long name      5",
    ]


def test_success_and_the_sum_are_always_shown():
    assert shown() == {"cancelled": 0, "already_cancelled": 0, "rows": 0}


@pytest.mark.parametrize("name", TROUBLE)
def test_every_other_state_is_shown_when_it_has_rows(name):
    assert shown(**{name: 7})[name] == 7


@pytest.mark.parametrize(
    ("reason", "remark"),
    [
        ("moved", "elsewhere now than the manifest says; somebody must look"),
        ("slot_taken", "left alone by policy; somebody must look"),
        ("notice_window", "too little notice left"),
        ("of a later version", "left alone by policy"),
    ],
)
def test_a_row_that_is_left_alone_says_why_and_whether_somebody_must_look(reason, remark):
    assert count_table(counts_of(skipped={reason: 1}))[2].endswith(f"  1  {remark}")


def test_skips_are_shown_by_reason():
    found = shown(skipped={"notice_window": 3, "unknown_start": 1})
    assert (found["skipped: notice_window"], found["skipped: unknown_start"]) == (3, 1)


def test_what_is_shown_adds_up():
    numbers = {name: 10**place for place, name in enumerate(TROUBLE)}
    found = shown(**numbers, cancelled=5, skipped={"completed": 2})

    assert found.pop("rows") == sum(found.values())


def test_how_many_are_in_doubt_in_all_is_told_where_some_of_them_were_given_up():
    doubts = replace(counts_of(open=8, gave_up=3), in_doubt=9)
    line = "  in doubt  9  8 open, 1 gave up; the next run reads them back before it sends"
    assert " ".join(count_table(doubts)[-1].split()) == " ".join(line.split())
    assert "in doubt" not in shown(open=8, gave_up=1)


@pytest.mark.parametrize(
    ("name", "advice"),
    [("refused", "--retry-refused"), ("gave_up", "next run"), ("open", "reads them back"),
     ("needs_review", "person")],
)  # fmt: skip
def test_trouble_says_what_becomes_of_it(name, advice):
    (line,) = [one for one in count_table(counts_of(**{name: 1})) if name in one]
    assert advice in line

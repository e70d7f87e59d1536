import csv

import pytest

from batchcancel.appointments import RejectedRow
from batchcancel.reader.strict_csv import read_header, read_rows


def read(text: str, *, width: int = 2) -> tuple[list[str], list[int], list[tuple[int, str]]]:
    """The ids and lines of the rows that are well formed, and what is wrong on which line."""
    frame, rejected = read_rows(text.encode(), width=width, used={"id": 0, "x": 1})
    return [*frame["id"]], [*frame["line"]], [(row.line, row.reason) for row in rejected]


@pytest.mark.parametrize(
    ("text", "ids", "lines"),
    [
        ("id,x\na,1\r\nb,2", ["a", "b"], [2, 3]),
        ('id,x\na,"1\n\n2"\nb,"say ""hi"", twice"\nc,\n', ["a", "b", "c"], [2, 5, 6]),
        ("\nid,x\n\na,1\n\r\n", ["a"], [4]),
        ("id,x\na,1\n,\nb,2\n", ["a", "b"], [2, 4]),
        ("id,x\n" + "a,1\n" * 2_500, ["a"] * 2_500, [*range(2, 2_502)]),
    ],
    ids=["as it is", "line breaks in cells", "blank lines", "nothing but separators", "many"],
)
def test_a_row_is_known_by_the_line_where_it_begins(text, ids, lines):
    assert (ids, lines, []) == read(text)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("a\nb,1\n", [(2, "ragged")]),
        ("a,1,\nb,1\n", [(2, "ragged")]),
        ('a,5" pipe\nb,1\n', [(2, "stray_quote")]),
        ('a,"b"c\nb,1\n', [(2, "stray_quote")]),
        ('a, "x"\nb,1\n', [(2, "stray_quote")]),
        ('a,"b\nb,1\n', [(2, "unclosed_quote")]),
        ('"a\n",\n"b\nb,1\n', [(4, "unclosed_quote")]),
        ('"a\n","b\nb,1\n', [(3, "unclosed_quote")]),
        ('a,"b""\n', [(2, "unclosed_quote")]),
        ("a,x\0\nb,1\n", [(2, "nul")]),
        ("a,x\ry\nb,1\n", [(2, "stray_return")]),
        ("a,x\r\r\nb,1\n", [(2, "stray_return")]),
        ("a," + "x" * 200_000 + "\nb,1\n", [(2, "cell_too_long")]),
        ('a,"' + "x\n" * 100_000 + '"\nb,1\n', [(2, "cell_too_long")]),
        ('a,1,2\nb,"x"y\n\nc,\0\nd,1\n', [(2, "ragged"), (3, "stray_quote"), (5, "nul")]),
    ],
)
def test_every_malformed_record_is_found_in_one_go(rows, expected):
    assert expected == read("id,x\n" + rows)[2]


def test_rows_after_a_malformed_record_are_still_read():
    assert (["a", "c"], [2, 4]) == read('id,x\na,1\nb,"x"y\n"c",2\n')[:2]


def test_a_line_inside_a_broken_quoted_cell_is_never_taken_for_a_row():
    text = 'id,x,y\na,"1"2,"note\nb,1,2\nend"\nc,1,2\n'
    assert (["c"], [5], [(2, "stray_quote")]) == read(text, width=3)


def test_an_unclosed_quote_swallows_the_rest_however_long_it_is():
    rows = "".join(f'{n},"quoted"\n' for n in range(20_000))
    ids, _, faults = read('id,x\na,"open\n' + rows)
    assert ([], 1) == (ids, len(faults))


def test_the_header_is_the_first_line_that_is_not_blank():
    header = read_header(b'\n\r\n"i""d",x\n')
    assert (3, ['i"d', "x"]) == (header.first, header.cells)


def test_an_unclosed_quote_in_the_header_is_its_fault():
    assert RejectedRow(line=1, reason="unclosed_quote") == read_header(b'id,"x\na,1\n').fault


def test_a_file_of_blank_lines_has_no_header():
    assert read_header(b"\n\n") is None


def test_the_limit_of_the_csv_module_stays_as_it_is():
    before = csv.field_size_limit()
    read("id,x\na," + "x" * 200_000)
    assert before == csv.field_size_limit()

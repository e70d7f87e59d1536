import csv

import pytest

from batchcancel.appointments import RejectedRow
from batchcancel.reader.strict_csv import StrictReading, read_header, read_rows, without_dropped


def read(text: str, *, width: int = 2) -> StrictReading:
    return read_rows(text.encode(), width=width, id_at=0)


def faults(text: str, *, width: int = 2) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in read(text, width=width).rejected]


def test_a_table_of_single_lines_is_taken_as_it_is():
    expected = StrictReading(ids=["a", "b"], lines=range(2, 4))
    assert expected == read("id,x\na,1\r\nb,2")


def test_a_row_is_known_by_the_line_where_it_begins():
    reading = read('id,x\na,"1\n\n2"\nb,"say ""hi"", twice"\nc,\n')
    assert (["a", "b", "c"], [2, 5, 6], []) == (reading.ids, reading.lines, reading.rejected)


def test_blank_lines_are_neither_rows_nor_faults():
    reading = read("\nid,x\n\na,1\n\r\n")
    assert (["a"], [4], [], [1, 3, 5]) == (
        reading.ids,
        reading.lines,
        reading.rejected,
        reading.dropped,
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [("a\nb,1\n", [(2, "ragged")]), ("a,1,\nb,1\n", [(2, "ragged")]),
     ('a,5" pipe\nb,1\n', [(2, "stray_quote")]), ('a,"b"c\nb,1\n', [(2, "stray_quote")]),
     ('a, "x"\nb,1\n', [(2, "stray_quote")]), ('a,"b\nb,1\n', [(2, "unclosed_quote")]),
     ('"a\n",\n"b\nb,1\n', [(4, "unclosed_quote")]), ('"a\n","b\nb,1\n', [(3, "unclosed_quote")]),
     ('a,"b""\n', [(2, "unclosed_quote")]), ("a,x\0\nb,1\n", [(2, "nul")]),
     ("a,x\ry\nb,1\n", [(2, "stray_return")]), ("a,x\r\r\nb,1\n", [(2, "stray_return")]),
     ("a," + "x" * 200_000 + "\nb,1\n", [(2, "cell_too_long")]),
     ('a,"' + "x\n" * 100_000 + '"\nb,1\n', [(2, "cell_too_long")]),
     ('a,1,2\nb,"x"y\n\nc,\0\nd,1\n', [(2, "ragged"), (3, "stray_quote"), (5, "nul")])],
)  # fmt: skip
def test_every_malformed_record_is_found_in_one_go(rows, expected):
    assert expected == faults("id,x\n" + rows)


def test_rows_after_a_malformed_record_are_still_read():
    reading = read('id,x\na,1\nb,"x"y\n"c",2\n')
    assert (["a", "c"], [2, 4]) == (reading.ids, reading.lines)


def test_a_line_inside_a_broken_quoted_cell_is_never_taken_for_a_row():
    reading = read('id,x,y\na,"1"2,"note\nb,1,2\nend"\nc,1,2\n', width=3)
    assert (["c"], [(2, "stray_quote")]) == (
        reading.ids,
        [(row.line, row.reason) for row in reading.rejected],
    )


def test_an_unclosed_quote_swallows_the_rest_however_long_it_is():
    rows = "".join(f'{n},"quoted"\n' for n in range(20_000))
    reading = read('id,x\na,"open\n' + rows)
    assert ([], 1) == (reading.ids, len(reading.rejected))


def test_what_was_dropped_is_left_out_byte_by_byte():
    text = 'id,x\r\n"a",1\nb\n\n"c","\n"'
    assert b'id,x\r\n"a",1\n"c","\n"' == without_dropped(text.encode(), read(text))


def test_a_table_without_faults_is_not_copied():
    data = b"id\na\n"
    assert without_dropped(data, read_rows(data, width=1, id_at=0)) is data


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

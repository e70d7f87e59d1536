"""Strict CSV parser (RFC 4180): the rows of a file, its malformed ones told one by one.

Python's `csv` decides where records begin and end. It accepts a quote inside an unquoted cell, so
the text is also matched against the grammar of RFC 4180. Nothing is inferred: every cell is text.
"""

import csv
import functools
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import polars as pl

from batchcancel.appointments import RejectedRow

_SLICE = 1_000  # more rows at once as lists, and the garbage collector has to look at all of them


@functools.cache
def _record(separator: str) -> str:
    """A pattern for one record without its line end."""
    # Possessive quantifiers (`*+`) never backtrack, so no text takes more than linear time.
    mark = re.escape(separator)
    cell = rf'(?:"[^"\0]*+(?:""[^"\0]*+)*+"|[^"{mark}\r\n\0]*+)'
    return f"{cell}(?:{mark}{cell})*+"


class CsvRecord(NamedTuple):
    """One that begins on line `first`: its cells (none when blank), and what is wrong with it."""

    first: int
    cells: list[str]
    fault: RejectedRow | None


def read_header(data: bytes, separator: str = ",") -> CsvRecord | None:
    """The first record that is not blank, or None when there is none."""
    return _first_filled(_records(data, separator, suspect=True))


def read_rows(
    data: bytes, *, width: int, used: Mapping[str, int], separator: str = ","
) -> tuple[pl.DataFrame, Sequence[RejectedRow]]:
    """The rows below a header of `width` cells: those that are well formed, and the others.

    The frame has the `used` columns, by their places, and `line`, where a row begins.
    """
    record = _record(separator)
    table = rf"(?:{record}\r?\n)*+(?:{record})?+".encode()
    well_formed = _is_plain(data) or re.fullmatch(table, data) is not None
    if well_formed and (frame := _read_lines(data, separator, width, used)) is not None:
        return frame, ()
    records = _records(data, separator, suspect=not well_formed)
    _first_filled(records)
    lines: list[int] = []
    rejected: list[RejectedRow] = []

    def sound() -> Iterator[list[str]]:
        for first, cells, fault in records:
            if fault is None and len(cells) == width:
                lines.append(first)
                yield cells
            elif fault is not None or cells:
                rejected.append(fault or RejectedRow(line=first, reason="ragged"))

    frame = _frame(sound(), used)
    return frame.with_columns(pl.Series("line", lines, pl.Int64)), rejected


def _is_plain(data: bytes) -> bool:
    """A cheap proof that the grammar holds, for the usual table: one without quotes."""
    marked = b'"' in data or b"\0" in data
    return not marked and data.count(b"\r") == data.count(b"\r\n")


def _read_lines(
    data: bytes, separator: str, width: int, used: Mapping[str, int]
) -> pl.DataFrame | None:
    """Read a table in which every line is one full row; None when it is not like that."""
    reader = csv.reader(_lines(data), strict=True, delimiter=separator)
    try:
        frame = _frame((cells for cells in reader if len(cells) == width), used)
    except csv.Error:
        return None
    # A row of empty cells may be one of nothing but separators.
    is_empty = pl.all_horizontal(pl.all() == "")
    if reader.line_num != frame.height or frame.select(is_empty.any()).item():
        return None
    return frame.with_columns(line=pl.int_range(1, pl.len() + 1))[1:]


def _frame(rows: Iterable[list[str]], used: Mapping[str, int]) -> pl.DataFrame:
    rows = iter(rows)
    parts = [pl.DataFrame(schema=dict.fromkeys(used, pl.String))]
    while part := list(islice(rows, _SLICE)):
        columns = list(zip(*part, strict=True))
        parts.append(
            pl.DataFrame([pl.Series(our, columns[at], pl.String) for our, at in used.items()])
        )
    return pl.concat(parts, rechunk=True)


def _first_filled(records: Iterator[CsvRecord]) -> CsvRecord | None:
    return next((record for record in records if record.cells or record.fault), None)


def _lines(data: bytes) -> Iterator[str]:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="\n")


def _records(data: bytes, separator: str, *, suspect: bool) -> Iterator[CsvRecord]:
    """Iterate over the records; those of a `suspect` file are matched against the grammar."""
    held: list[str] = []
    feed = _holding(_lines(data), held)
    reader = csv.reader(feed, strict=True, delimiter=separator)
    first = 1
    while True:
        cells, fault = [], None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            _read_on(feed, held)
            fault = _fault(held, first, separator) or RejectedRow(
                line=first, reason="cell_too_long"
            )
        else:
            fault = _fault(held, first, separator) if suspect else None
            # Spreadsheets write empty rows below a table as nothing but separators.
            if not any(cells) and not held[0].strip(f"\r\n{separator}"):
                cells = []
        yield CsvRecord(first, cells, fault)
        first += len(held)
        held.clear()


def _holding(lines: Iterator[str], held: list[str]) -> Iterator[str]:
    for line in lines:
        held.append(line)
        yield line


def _read_on(feed: Iterator[str], held: list[str]) -> None:
    """Skip to where the quotes of a refused record balance.

    Else lines inside one of its quoted cells would pass for rows.
    """
    is_open = "".join(held).count('"') % 2
    while is_open and (line := next(feed, "")):
        is_open ^= line.count('"') % 2


def _fault(held: Sequence[str], first: int, separator: str) -> RejectedRow | None:
    """What is wrong with one record, which begins on line `first`; None for nothing."""
    text = "".join(held)
    match = re.match(rf"{_record(separator)}(?:\r?\n)?", text)
    end = match.end() if match else 0
    if end == len(text):
        return None
    if "\0" in text:
        return RejectedRow(line=first, reason="nul")
    if text[end] == '"' and text[:end].endswith(("", separator)[end > 0]):
        return RejectedRow(line=first + text.count("\n", 0, end), reason="unclosed_quote")
    return RejectedRow(line=first, reason="stray_quote" if '"' in text else "stray_return")

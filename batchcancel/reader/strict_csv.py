"""Strict CSV parser (RFC 4180), independent of polars, for the comparison with it.

Python's `csv` decides where records begin and end. It accepts a quote inside an unquoted cell, so
the text is also matched against the grammar of RFC 4180.
"""

import csv
import functools
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batchcancel.appointments import RejectedRow


@functools.cache
def _record(separator: str) -> str:
    """A pattern for one record without its line end."""
    # Possessive quantifiers (`*+`) never backtrack, so no text takes more than linear time.
    mark = re.escape(separator)
    cell = rf'(?:"[^"\0]*+(?:""[^"\0]*+)*+"|[^"{mark}\r\n\0]*+)'
    return f"{cell}(?:{mark}{cell})*+"


class CsvRecord(NamedTuple):
    """The lines `first` to `last`: their cells (none when blank), and what is wrong with them."""

    first: int
    last: int
    cells: list[str]
    fault: RejectedRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictReading:
    """The rows of a CSV file below its header.

    `ids` and `lines` belong to the well-formed rows, in their order. `dropped` are the lines of
    the file that are blank or belong to rejected rows.
    """

    ids: Sequence[str]
    lines: Sequence[int]
    rejected: Sequence[RejectedRow] = ()
    dropped: Collection[int] = ()


def read_header(data: bytes, separator: str = ",") -> CsvRecord | None:
    """The first record that is not blank, or None when there is none."""
    return _first_filled(_records(data, separator, suspect=True))


def read_rows(data: bytes, *, width: int, id_at: int, separator: str = ",") -> StrictReading:
    """Check every row below the header, which is `width` cells wide and has the id at `id_at`."""
    record = _record(separator)
    table = rf"(?:{record}\r?\n)*+(?:{record})?+".encode()
    well_formed = _is_plain(data) or re.fullmatch(table, data) is not None
    if well_formed and (reading := _read_lines(data, separator, width=width, id_at=id_at)):
        return reading
    records = _records(data, separator, suspect=not well_formed)
    return _read_records(records, width=width, id_at=id_at)


def without_dropped(data: bytes, reading: StrictReading) -> bytes:
    """The data without blank lines and rejected rows; what is left is unchanged byte by byte."""
    if not reading.dropped:
        return data
    dropped = frozenset(reading.dropped)
    lines = enumerate(io.BytesIO(data), start=1)
    return b"".join(line for number, line in lines if number not in dropped)


def _is_plain(data: bytes) -> bool:
    """A cheap proof that the grammar holds, for the usual table: one without quotes."""
    marked = b'"' in data or b"\0" in data
    return not marked and data.count(b"\r") == data.count(b"\r\n")


def _read_lines(data: bytes, separator: str, *, width: int, id_at: int) -> StrictReading | None:
    """Read a table in which every line is one full row; None when it is not like that."""
    reader = csv.reader(_lines(data), strict=True, delimiter=separator)
    try:
        ids = [cells[id_at] for cells in reader if len(cells) == width]
    except csv.Error:
        return None
    # A row without an id may be one of nothing but separators.
    if reader.line_num != len(ids) or "" in ids:
        return None
    return StrictReading(ids=ids[1:], lines=range(2, len(ids) + 1))


def _read_records(records: Iterator[CsvRecord], *, width: int, id_at: int) -> StrictReading:
    header = _first_filled(records)
    ids: list[str] = []
    lines: list[int] = []
    rejected: list[RejectedRow] = []
    dropped = list(range(1, header.first)) if header else []
    for first, last, cells, fault in records:
        if fault is None and len(cells) == width:
            ids.append(cells[id_at])
            lines.append(first)
            continue
        dropped.extend(range(first, last + 1))
        if fault is not None or cells:
            rejected.append(fault or RejectedRow(line=first, reason="ragged"))
    return StrictReading(ids=ids, lines=lines, rejected=rejected, dropped=dropped)


def _first_filled(records: Iterator[CsvRecord]) -> CsvRecord | None:
    return next((record for record in records if record.cells or record.fault), None)


def _lines(data: bytes) -> Iterator[str]:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="\n")


def _records(data: bytes, separator: str, *, suspect: bool) -> Iterator[CsvRecord]:
    """Iterate over the records; those of a `suspect` file are matched against the grammar."""
    held: list[str] = []
    feed = _holding(_lines(data), held)
    reader = csv.reader(feed, strict=True, delimiter=separator)
    last = 0
    while True:
        first, cells, fault = last + 1, [], None
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
        last += len(held)
        held.clear()
        yield CsvRecord(first, last, cells, fault)


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

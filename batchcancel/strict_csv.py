"""A CSV manifest read strictly, row by row, independently of the fast reader.

Python's reader decides where records begin and end. It lets a quote inside an unquoted cell pass,
so records that hold a quote are also held against the grammar of RFC 4180.
"""

import csv
import io
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from batchcancel.appointments import RejectedRow

_CELL = r'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+)'
_RECORD = re.compile(rf"{_CELL}(?:,{_CELL})*+\r*+\n?")


class Record(NamedTuple):
    """The line where a record begins, its cells (none when blank), and what is wrong with it."""

    line: int
    cells: list[str]
    fault: RejectedRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictReading:
    """The rows of a CSV file below its header.

    `ids` and `lines` belong to the well-formed rows, in their order. When the file is `regular`,
    every CSV reader must find exactly these rows in it.
    """

    ids: list[str]
    lines: Sequence[int]
    rejected: list[RejectedRow]
    regular: bool


def read_header(data: bytes) -> Record | None:
    """Give the first record that is not blank, or None when there is none."""
    return _first_filled(_records(data))


def read_rows(data: bytes, *, names: list[str], id_name: str) -> StrictReading:
    """Check every row below the header, whose cells are `names`."""
    id_at = names.index(id_name)
    ids: list[str] = []
    lines = array("Q")
    rejected: list[RejectedRow] = []
    regular = _has_plain_edges(data, names)
    for line, cells, fault in _rows(data, width=len(names)):
        if fault is not None:
            rejected.append(fault)
        elif cells:
            ids.append(cells[id_at])
            lines.append(line)
        else:
            regular = False
    return StrictReading(ids=ids, lines=lines, rejected=rejected, regular=regular and not rejected)


def rewritten(data: bytes, *, names: list[str], keep: list[str]) -> bytes:
    """Write the columns `keep` of the well-formed rows as a regular CSV file."""
    places = [names.index(name) for name in keep]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(keep)
    for _, cells, fault in _rows(data, width=len(names)):
        if cells and fault is None:
            writer.writerow([cells[place] for place in places])
    return text.getvalue().encode()


def _has_plain_edges(data: bytes, names: list[str]) -> bool:
    """Tell whether the header and the ends of lines leave no room for another reading."""
    plain_names = not any(mark in name for name in names for mark in '"\r\n')
    header_first = not data.startswith((b"\n", b"\r"))
    return plain_names and header_first and data.count(b"\r") == data.count(b"\r\n")


def _rows(data: bytes, *, width: int) -> Iterator[Record]:
    records = _records(data)
    _first_filled(records)
    for record in records:
        line, cells, fault = record
        if fault is None and cells and len(cells) != width:
            yield Record(line, cells, RejectedRow(line=line, reason="ragged"))
        else:
            yield record


def _first_filled(records: Iterator[Record]) -> Record | None:
    return next((record for record in records if record.cells or record.fault), None)


def _records(data: bytes) -> Iterator[Record]:
    held: list[str] = []
    feed = _holding(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="\n"), held)
    reader = csv.reader(feed, strict=True)
    suspect = b'"' in data or b"\0" in data
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            _read_on(feed, held)
            fault = _fault(held, line) or RejectedRow(line=line, reason="cell_too_long")
            yield Record(line, [], fault)
        else:
            yield Record(line, cells, _fault(held, line) if suspect else None)
        line += len(held)
        held.clear()


def _holding(lines: Iterator[str], held: list[str]) -> Iterator[str]:
    for line in lines:
        held.append(line)
        yield line


def _read_on(feed: Iterator[str], held: list[str]) -> None:
    """Let a refused record end where its quotes balance: no row is found inside a quoted cell."""
    is_open = "".join(held).count('"') % 2
    while is_open and (line := next(feed, "")):
        is_open ^= line.count('"') % 2


def _fault(held: list[str], line: int) -> RejectedRow | None:
    """Hold the text of one record, which begins at `line`, against the grammar."""
    text = "".join(held)
    if "\0" in text:
        return RejectedRow(line=line, reason="nul")
    well_formed = _RECORD.match(text)
    end = well_formed.end() if well_formed else 0
    if end == len(text):
        return None
    if text[end] == '"' and text[:end].endswith(("", ",")[end > 0]):
        return RejectedRow(line=line + text.count("\n", 0, end), reason="unclosed_quote")
    return RejectedRow(line=line, reason="stray_quote" if '"' in text else "stray_return")

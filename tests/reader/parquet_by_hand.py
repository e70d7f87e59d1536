"""Parquet files as other programs write them, byte by byte: polars writes no such columns."""

import base64
import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

INT64, INT96, BYTE_ARRAY, FIXED = 2, 3, 6, 7
TEXT, INTERVAL = 0, 21  # converted types
UUID = {14: {}}  # logical types, as unions of Thrift
_EPOCH, _JULIAN_DAY = datetime(1970, 1, 1, tzinfo=UTC), 2_440_588


@dataclass(frozen=True, slots=True)
class Plain:
    """A column without nulls; `cells` are the values as PLAIN stores them."""

    name: str
    physical: int
    cells: Sequence[bytes]
    converted: int | None = None
    logical: dict | None = None
    length: int | None = field(default=None)


def texts(name, *cells, converted=TEXT):
    stored = [struct.pack("<I", len(one.encode())) + one.encode() for one in cells]
    return Plain(name, BYTE_ARRAY, stored, converted)


def fixed(name, *cells, converted=None, logical=None):
    return Plain(name, FIXED, cells, converted, logical, len(cells[0]))


def int96(name, *moments):
    """As Spark writes an instant: the nanoseconds of the day in UTC, and the Julian day."""
    since = [moment - _EPOCH for moment in moments]
    nanoseconds = [1000 * (one.seconds * 1_000_000 + one.microseconds) for one in since]
    days = [one.days + _JULIAN_DAY for one in since]
    cells = [struct.pack("<QI", *both) for both in zip(nanoseconds, days, strict=True)]
    return Plain(name, INT96, cells)


def by_hand(*columns: Plain) -> bytes:
    """A file of one row group, with the columns in this order, whatever their names."""
    rows, content, chunks = len(columns[0].cells), bytearray(b"PAR1"), []
    for column in columns:
        values = b"".join(column.cells)
        levels = {1: rows, 2: 0, 3: 3, 4: 3}
        page = _structure({1: 0, 2: len(values), 3: len(values), 5: levels})
        at = len(content)
        content += page + values
        size = len(page) + len(values)
        told = {1: column.physical, 2: [0], 3: [column.name], 4: 0, 5: Long(rows), 6: Long(size)}
        chunks.append({2: Long(at), 3: told | {7: Long(size), 9: Long(at)}})
    root = {4: "schema", 5: len(columns)}
    group = {1: chunks, 2: Long(len(content)), 3: Long(rows)}
    schema = [root, *(_element(column) for column in columns)]
    footer = _structure({1: 1, 2: schema, 3: Long(rows), 4: [group]})
    return bytes(content) + footer + struct.pack("<I", len(footer)) + b"PAR1"


def in_offset_zone(name: str, moment: datetime, **others: object) -> bytes:
    """As pandas writes times at +05:30: with a zone that polars does not know."""
    file = io.BytesIO()
    zoned = pl.Series([moment]).dt.convert_time_zone("Israel")  # as long a name as +05:30
    pl.DataFrame({**others, name: zoned}).write_parquet(file)
    arrow = rb"ARROW:schema\x18([\x80-\xff]*[\x00-\x7f])([A-Za-z0-9+/=]+)"
    found = re.search(arrow, file.getvalue())
    size = sum((byte & 127) << (7 * place) for place, byte in enumerate(found[1]))
    schema = base64.b64decode(found[2][:size]).replace(b"Israel", b"+05:30")
    return file.getvalue().replace(found[2][:size], base64.b64encode(schema))


class Long(int):
    """A number that the format keeps in 64 bits."""


def _element(column: Plain) -> dict:
    told = {1: column.physical, 2: column.length, 3: 0, 4: column.name, 6: column.converted}
    return {key: value for key, value in (told | {10: column.logical}).items() if value is not None}


def _structure(fields: dict) -> bytes:
    written, last = bytearray(), 0
    for number, value in fields.items():
        kind, content = _value(value)
        written += bytes([(number - last) << 4 | kind]) + content
        last = number
    return bytes(written) + b"\0"


def _value(value: object) -> tuple[int, bytes]:
    match value:
        case bool():
            return (1 if value else 2), b""
        case int():
            return (6 if isinstance(value, Long) else 5), _unsigned(value << 1)
        case str():
            return 8, _unsigned(len(value.encode())) + value.encode()
        case list():
            kinds, contents = zip(*map(_value, value), strict=True)
            many = bytes([0xF0 | kinds[0]]) + _unsigned(len(value))
            return 9, many + b"".join(contents)
    return 12, _structure(value)


def _unsigned(value: int) -> bytes:
    more = b""
    while value > 127:
        more += bytes([value & 127 | 128])
        value >>= 7
    return more + bytes([value])

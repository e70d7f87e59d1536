"""Reader of a Parquet file's footer: which columns there are, and what each of them holds.

polars tells neither that a time is an INT96, and so an instant, nor that two columns have one name
(pola-rs/polars#27393). The footer is a structure of Thrift's compact protocol.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any, Final

MAGIC: Final = b"PAR1"
_DEEPEST = 32
_ARROW, _HIDDEN = b"\x18\x0cARROW:schema", b"\x18\x0carrow-schema"

_Names = Mapping[int | None, str]

# By the numbers that the format gives its types, the most telling first.
_LOGICAL: Final[_Names] = {
    1: "text", 4: "text", 12: "text", 5: "Decimal", 6: "day", 7: "Time", 11: "nothing",
    14: "UUID", 15: "Float16",
}  # fmt: skip
_CONVERTED: Final[_Names] = {
    5: "Decimal", 6: "day", 7: "Time", 8: "Time", 9: "local", 10: "local", 21: "Interval",
}  # fmt: skip
_PHYSICAL: Final[_Names] = {
    0: "Boolean", 1: "Int32", 2: "Int64", 3: "INT96", 4: "Float32", 5: "Float64", 6: "text",
    7: "text",
}  # fmt: skip
_TIMESTAMP, _REPEATED = 8, 2
_UNITS = {1: "ms", 2: "us", 3: "ns"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column at the top of the schema.

    `kind` is text, day, local (a time without a zone), instant, INT96, UUID, nothing, nested, or
    how polars calls what is none of these. `length` is that of values of one length, in bytes.
    """

    name: str
    kind: str
    length: int
    unit: str


def read_footer(data: bytes) -> tuple[Sequence[Column], int]:
    """The columns of a file and the number of its rows; ValueError where it is damaged."""
    try:
        fields = _structure(BytesIO(data[_start(data) : -8]), upto=3)
        root, *elements = fields[2]
        left = iter(elements)
        columns = list(_columns(left, root[5]))
        if len(columns) != root[5] or next(left, None) is not None:
            raise ValueError("damaged schema")
        return columns, fields[3]
    except (IndexError, KeyError, TypeError, AttributeError, StopIteration, RuntimeError) as error:
        raise ValueError("damaged footer") from error


def without_arrow(data: bytes) -> bytes:
    """The file without the schema of Arrow in its footer.

    It repeats the types, and adds timezones, of which polars aborts on those like +05:30.
    """
    start = _start(data)
    return data[:start] + data[start:].replace(_ARROW, _HIDDEN)


def _start(data: bytes) -> int:
    length = int.from_bytes(data[-8:-4], "little")
    if not data.endswith(MAGIC) or length + 12 > len(data):
        raise ValueError("no footer")
    return len(data) - 8 - length


def _columns(elements: Iterator[dict[int, Any]], count: int) -> Iterator[Column]:
    for element in islice(elements, count):
        below = element.get(5, 0)
        while below:
            below += next(elements).get(5, 0) - 1
        union: dict[int, dict[int, Any]] = element.get(10, {})
        logical, told = next(iter(union.items()), (None, {}))
        kind, unit = "nested", _UNITS.get(element.get(6, 0) - 8, "ns")
        if logical == _TIMESTAMP:
            kind, unit = ("instant" if told[1] else "local"), _UNITS[next(iter(told[2]))]
        elif not element.get(5) and element.get(3) != _REPEATED:
            kind = _LOGICAL.get(logical) or _CONVERTED.get(element.get(6)) or _PHYSICAL[element[1]]
        yield Column(element[4].decode(), kind, element.get(2, 0), unit)


def _structure(data: BytesIO, *, upto: int | None = None, depth: int = 0) -> dict[int, Any]:
    """Read a structure of the compact protocol, the fields behind number `upto` left unread."""
    if depth > _DEEPEST:
        raise ValueError("too deep")
    fields: dict[int, Any] = {}
    number = 0
    while (head := data.read(1)[0]) and number != upto:
        number = number + (head >> 4) if head >> 4 else _signed(data)
        fields[number] = _value(data, head & 15, depth)
    return fields


def _value(data: BytesIO, kind: int, depth: int) -> Any:
    match kind:
        case 1 | 2:
            return kind == 1
        case 3:
            return data.read(1)[0]
        case 4 | 5 | 6:
            return _signed(data)
        case 7 | 8:
            return data.read(8 if kind == 7 else _unsigned(data))  # noqa: PLR2004 -- a double
        case 9 | 10:
            head = data.read(1)[0]
            count = head >> 4 if head < 0xF0 else _unsigned(data)  # noqa: PLR2004 -- 15: more
            most = min(count, data.getbuffer().nbytes)
            return [_value(data, head & 15, depth) for _ in range(most)]
        case 12:
            return _structure(data, depth=depth + 1)
    raise ValueError("unknown type")


def _unsigned(data: BytesIO) -> int:
    value = shift = 0
    while (byte := data.read(1)[0]) & 128 and shift < 64:  # noqa: PLR2004 -- bits
        value |= (byte & 127) << shift
        shift += 7
    return value | byte << shift


def _signed(data: BytesIO) -> int:
    value = _unsigned(data)
    return value >> 1 ^ -(value & 1)

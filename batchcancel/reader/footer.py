"""Reader of a Parquet file's footer: which columns there are, and of which physical types.

polars tells neither that a time is an INT96, and so an instant, nor that two columns have one name
(pola-rs/polars#27393). The footer is a structure of Thrift's compact protocol.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any, Final

MAGIC: Final = b"PAR1"
_DEEPEST = 32
_ROWS = 3  # the last field of the file's metadata that is looked at
TIMESTAMP: Final = 8
_UNITS = {1: "ms", 2: "us"}  # by the number in a logical type; converted ones have 9 and 10
_ARROW = b"\x18\x0cARROW:schema"
_HIDDEN = b"\x18\x0carrow-schema"


class Physical(IntEnum):
    """How a value is stored."""

    BOOLEAN = 0
    INT32 = 1
    INT64 = 2
    INT96 = 3
    FLOAT = 4
    DOUBLE = 5
    BYTE_ARRAY = 6
    FIXED_LEN_BYTE_ARRAY = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column at the top of the schema.

    `converted` and `logical` are the format's types of these names, by their numbers. `is_utc` and
    `unit` are those of a timestamp, `physical` is None where values are lists or structures.
    """

    name: str
    physical: Physical | None
    length: int = 0
    converted: int | None = None
    logical: int | None = None
    is_utc: bool = False
    unit: str = "ns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """What a Parquet file says of itself."""

    columns: Sequence[Column]
    rows: int


def read_footer(data: bytes) -> Footer:
    """The footer of a file; ValueError where it is damaged."""
    try:
        start = _start(data)
        fields = _Compact(memoryview(data)[start:-8]).structure(upto=_ROWS)
        root, *elements = fields[2]
        return Footer(columns=_columns(elements, root[5]), rows=fields[_ROWS])
    except (IndexError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ValueError("damaged footer") from error


def without_arrow(data: bytes) -> bytes:
    """The file without the schema of Arrow in its footer.

    It repeats the types, and adds timezones, of which polars aborts on those like +05:30.
    """
    start = _start(data)
    return data[:start] + data[start:].replace(_ARROW, _HIDDEN)


def _start(data: bytes) -> int:
    (length,) = struct.unpack_from("<I", data, len(data) - 8)
    if not data.endswith(MAGIC) or length + 12 > len(data):
        raise ValueError("no footer")
    return len(data) - 8 - int(length)


def _columns(elements: Sequence[dict[int, Any]], count: int) -> Sequence[Column]:
    left = iter(elements)
    columns = []
    for element in islice(left, count):
        below = element.get(5, 0)
        while below:
            below += next(left).get(5, 0) - 1
        columns.append(_column(element))
    if len(columns) != count or next(left, None) is not None:
        raise ValueError("damaged schema")
    return columns


def _column(element: dict[int, Any]) -> Column:
    is_plain = not element.get(5) and element.get(3) != 2  # noqa: PLR2004 -- repeated
    union: dict[int, dict[int, Any]] = element.get(10, {})
    logical, told = next(iter(union.items()), (None, {}))
    unit = next(iter(told[2])) if logical == TIMESTAMP else element.get(6, 0) - 8
    return Column(
        name=element[4].decode(),
        physical=Physical(element[1]) if is_plain else None,
        length=element.get(2, 0),
        converted=element.get(6),
        logical=logical,
        is_utc=told.get(1) is True,
        unit=_UNITS.get(unit, "ns"),
    )


class _Compact:
    """A value of Thrift's compact protocol, as dicts by field number, lists, bytes and numbers."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def structure(self, *, upto: int | None = None, depth: int = 0) -> dict[int, Any]:
        """Read a structure, the fields behind number `upto` left unread."""
        if depth > _DEEPEST:
            raise ValueError("too deep")
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) and number != upto:
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        match kind:
            case 1 | 2:
                value: Any = kind == 1
            case 3:
                value = self._byte()
            case 4 | 5 | 6:
                value = self._signed()
            case 7 | 8:
                value = self._bytes(8 if kind == 7 else self._unsigned())  # noqa: PLR2004
            case 9 | 10:
                value = list(self._items(depth))
            case 12:
                value = self.structure(depth=depth + 1)
            case _:
                raise ValueError("unknown type")
        return value

    def _items(self, depth: int) -> Iterator[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._unsigned()  # noqa: PLR2004 -- of four bits
        if count > len(self._data):
            raise ValueError("too long")
        for _ in range(count):
            yield self._value(head & 15, depth)

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, length: int) -> bytes:
        found = bytes(self._data[self._at : self._at + length])
        if len(found) < length:
            raise ValueError("cut short")
        self._at += length
        return found

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:  # noqa: PLR2004 -- bits
                raise ValueError("too large")
        return value | byte << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)

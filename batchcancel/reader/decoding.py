"""Decoding of a manifest's bytes: unpacked, as UTF-8, and with what separates its cells."""

import gzip
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from batchcancel.errors import InputError

MOST_UNPACKED: Final = 1 << 28
"""The largest content of a packed file that is read: 256 MiB."""

HOW_TO_SAVE: Final = "Save it as CSV in UTF-8, or as Parquet."
SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_OTHER_FORMATS = {
    b"\xff\xfe\0\0": "UTF-32 text",
    b"PK\x03\x04": "a spreadsheet or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    _GZIP: "compressed with gzip, twice",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\0": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"PARE": "an encrypted Parquet file",
    b"SQLite format 3\0": "a database",
    b"ORC": "an ORC file",
    b"ARROW1": "an Arrow file",
    b"Obj\x01": "an Avro file",
    b"%PDF": "a PDF",
}
_SAYS_SEPARATOR = re.compile(rb'"?sep=([,;|\t])"?,*\r?(?:\n|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A table as UTF-8 text; `separator` is None where its first line does not tell it.

    `read_as` says in words what it was read as.
    """

    data: bytes
    separator: str | None = None
    read_as: Sequence[str] = ()


def unpacked(data: bytes) -> tuple[bytes, Sequence[str]]:
    """The content of a file packed with gzip, bounded, and that it was; other data as it is."""
    if not data.startswith(_GZIP):
        return data, ()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            content = packed.read(MOST_UNPACKED + 1)
    except (OSError, EOFError, zlib.error):
        raise InputError(
            "the manifest is compressed with gzip, and damaged or cut short",
            hint="Fetch or write it anew. Nothing was sent.",
        ) from None
    if len(content) > MOST_UNPACKED:
        raise InputError(
            "the manifest is larger than 256 MiB when it is unpacked, which none is",
            hint="Check what was packed; what is as large has to be unpacked first, with gunzip.",
        )
    return content, ("unpacked from gzip",)


def decoded(data: bytes) -> Text:
    """The text of a CSV file; `InputError` for what is no text, or not in a known encoding."""
    _require_text(data)
    read_as: list[str] = []
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            data = data.removeprefix(mark)
            if encoding != "UTF-8":
                data = _from_utf_16(mark + data)
                read_as.append(f"{encoding} text")
            break
    _require_utf_8(data)
    if said := _SAYS_SEPARATOR.match(data):
        # The line stays, as a blank one: what is told of a row is the line of the file.
        data = b"\n" + data[said.end() :]
    return Text(data=data, separator=said and said[1].decode(), read_as=read_as)


def _require_text(data: bytes) -> None:
    kind = next((kind for magic, kind in _OTHER_FORMATS.items() if data.startswith(magic)), None)
    is_utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if kind is None and not is_utf_16 and b"\0" in data.partition(b"\n")[0]:
        kind = "binary, or UTF-16 text"
    if kind is not None:
        raise InputError(f"the manifest is not a table: it is {kind}", hint=HOW_TO_SAVE)


def _from_utf_16(data: bytes) -> bytes:
    try:
        return data.decode("utf-16").encode()
    except UnicodeDecodeError:
        raise InputError("the manifest is not UTF-16 text to its end", hint=HOW_TO_SAVE) from None


def _require_utf_8(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise InputError(
            f"the manifest is not UTF-8 text at line {line}", hint=HOW_TO_SAVE
        ) from None

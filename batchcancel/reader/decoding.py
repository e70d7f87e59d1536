"""Decoding of a manifest's bytes: unpacked, as UTF-8, and with what separates its cells."""

import gzip
import io
import re
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from batchcancel.errors import InputError

MOST_UNPACKED: Final = 1 << 28
"""The largest content of a packed file that is read: 256 MiB."""

HOW_TO_SAVE: Final = "Save it as CSV in UTF-8, or as Parquet."
SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_GZIP = b"\x1f\x8b"
_MARKS, _UTF_16 = re.compile(b"(?:\xef\xbb\xbf)*"), (b"\xff\xfe", b"\xfe\xff")
_SPREADSHEET, _PACKED = "a spreadsheet or a ZIP archive", "compressed, and not with gzip"
_OTHER_FORMATS = {
    b"\xff\xfe\0\0": "UTF-32 text", b"PK\x03\x04": _SPREADSHEET,
    b"\xd0\xcf\x11\xe0": "an old spreadsheet", _GZIP: "compressed with gzip, twice",
    b"BZh": _PACKED, b"\xfd7zXZ\0": _PACKED, b"\x28\xb5\x2f\xfd": _PACKED,
    b"PARE": "an encrypted Parquet file", b"SQLite format 3\0": "a database",
    b"ARROW1": "an Arrow file", b"%PDF": "a PDF", b"{": "JSON", b"[": "JSON",
    b"<": "a web page, or XML",
}  # fmt: skip
_SAYS_SEPARATOR = re.compile(rb'"?sep=([,;|\t])"?,*\r?(?:\n|$)', re.IGNORECASE)


class Text(NamedTuple):
    """A table as UTF-8 text; `separator` is None where its first line does not tell it."""

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
    kind = next((kind for magic, kind in _OTHER_FORMATS.items() if data.startswith(magic)), None)
    is_utf_16 = kind is None and data.startswith(_UTF_16)
    if kind is None and not is_utf_16 and b"\0" in data.partition(b"\n")[0]:
        kind = "binary, or UTF-16 text"
    if kind is not None:
        raise InputError(f"the manifest is not a table: it is {kind}", hint=HOW_TO_SAVE)
    try:
        data = data.decode("utf-16").encode() if is_utf_16 else data
        data = data[_MARKS.match(data).end() :]  # type: ignore[union-attr]  # it always matches
        data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        name = "UTF-16" if is_utf_16 else "UTF-8"
        raise InputError(
            f"the manifest is not {name} text at line {line}", hint=HOW_TO_SAVE
        ) from None
    read_as = ["UTF-16 text"] if is_utf_16 else []
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
        read_as.append("lines that end as on old Macs")
    if said := _SAYS_SEPARATOR.match(data):
        # The line stays, as a blank one: what is told of a row is the line of the file.
        data = b"\n" + data[said.end() :]
    return Text(data, separator=said and said[1].decode(), read_as=read_as)

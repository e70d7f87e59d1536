"""Parser of CSV and Parquet manifests; CSV is parsed twice, and the results are compared.

The bytes are read once and judged by their content, not by the name of the file. A stray quote in
a column that is not used can make polars lose rows without a word (pola-rs/polars#21519), so a
strict parser of our own has to find the same rows.
"""

import difflib
import io
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl

from batchcancel.appointments import RejectedRow
from batchcancel.errors import InputError
from batchcancel.reader.manifest import REASONS, USED_COLUMNS, Manifest, manifest_of
from batchcancel.reader.strict_csv import StrictReading, read_header, read_rows, without_dropped

_ID = "appointment_id"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HOW_TO_SAVE = "Save it as CSV in UTF-8, or as Parquet."
_OTHER_FORMATS = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK\x03\x04": "a spreadsheet or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"\x1f\x8b": "compressed with gzip",
    b"PARE": "an encrypted Parquet file",
    b"SQLite format 3\0": "a database",
}
_OURS_IF_TEXT = ("outcome", "reason")
_MOMENTS = ("starts_at", "appointment_date")
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_LAST_DAY = 2_932_896  # 9999-12-31, counted from 1970-01-01
_SHOWN_NAMES = 12
_SHOWN_LENGTH = 40

Table = tuple[pl.DataFrame, Sequence[RejectedRow]]
"""The used columns as text, with the `line` of each row, and the rows that cannot be parsed."""


def read_manifest(
    source: str, *, stdin: BinaryIO | None = None, ignoring: Collection[str] = ()
) -> Manifest:
    """Read the manifest at a path, or on standard input when `source` is `-`.

    Columns that are named by `ignoring` are read as if they were not there.

    Bad rows are values in `Manifest.rejected`, all of them found in one go. `InputError` when there
    is no manifest to be had: missing, empty, not a table, or without an `appointment_id` column.
    """
    # Opened here and not by polars, to which a path may be a pattern or a URL.
    data = _read_bytes(source, stdin).removeprefix(_BYTE_ORDER_MARK)
    if not data.strip():
        raise _empty()
    read = _parquet_table if data.startswith(b"PAR1") else _csv_table
    texts, rejected = read(data, ignoring)
    if texts.is_empty() and not rejected:
        raise _empty()
    return manifest_of(texts, source=source, rejected=rejected)


def _read_bytes(source: str, stdin: BinaryIO | None) -> bytes:
    if source == "-":
        return (stdin or sys.stdin.buffer).read()
    try:
        return Path(source).read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"there is no manifest at {source!r}", hint="Give the path of a CSV or Parquet file."
        ) from None
    except IsADirectoryError:
        raise InputError(
            f"{source!r} is a directory, not a manifest", hint="Give the path of one file in it."
        ) from None
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or "not a path"
        raise InputError(
            f"the manifest {source!r} cannot be read: {why}", hint="Check the path and its rights."
        ) from None


def _empty() -> InputError:
    return InputError(
        "the manifest is empty",
        hint=f"Give a table with a column {_ID} and one appointment in each row.",
    )


def _csv_table(data: bytes, ignoring: Collection[str]) -> Table:
    _require_text(data)
    data = data.rstrip(b"\r\n")
    names = _csv_header(data)
    _check_names(names)
    reading = read_rows(data, width=len(names), id_at=names.index(_ID))
    used = _used(names, ignoring)
    try:
        # Nothing is inferred: ids such as 007 or 1e5 must stay as they are. No schema: polars
        # applies it by position, and a swapped header would swap columns (pola-rs/polars#22326).
        # Never lenient either: rows would be lost without a word.
        frame = pl.read_csv(without_dropped(data, reading), columns=used, infer_schema=False)
    except pl.exceptions.PolarsError:
        # From None, here and below: the message of polars may quote cells, which are personal.
        raise _disagreement(reading, at=0) from None
    _require_same_rows(frame.get_column(_ID).fill_null(""), reading)
    line = pl.Series("line", reading.lines, pl.Int64)
    return frame.with_columns(line), reading.rejected


def _used(names: Collection[str], ignoring: Collection[str]) -> list[str]:
    strange = [one for one in ignoring if one not in (*names, *USED_COLUMNS)]
    if strange:
        raise InputError(
            f"the manifest has no column {_quoted(strange)} to be ignored; its columns are "
            f"{_quoted(list(names))}",
            hint="Check the name given with --ignore-column.",
        )
    return [name for name in USED_COLUMNS if name in names and name not in ignoring]


def _require_text(data: bytes) -> None:
    kind = next((kind for magic, kind in _OTHER_FORMATS.items() if data.startswith(magic)), None)
    if kind is None and b"\0" in data.partition(b"\n")[0]:
        kind = "binary, or UTF-16 text"
    if kind is not None:
        raise InputError(f"the manifest is not a table: it is {kind}", hint=_HOW_TO_SAVE)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise InputError(
            f"the manifest is not UTF-8 text at line {line}", hint=_HOW_TO_SAVE
        ) from None


def _csv_header(data: bytes) -> list[str]:
    header = read_header(data)
    if header is None:
        raise _empty()
    if header.fault is not None:
        why = REASONS[header.fault.reason]
        raise InputError(
            f"the header of the manifest cannot be read: line {header.fault.line}: {why}",
            hint=_HOW_TO_SAVE,
        )
    return header.cells


def _require_same_rows(found: pl.Series, reading: StrictReading) -> None:
    expected = pl.Series(reading.ids, dtype=pl.String)
    both = min(len(found), len(expected))
    different = (found.head(both) != expected.head(both)).arg_true()
    if len(different) or len(found) != len(expected):
        raise _disagreement(reading, at=different[0] if len(different) else both)


def _disagreement(reading: StrictReading, *, at: int) -> InputError:
    line = reading.lines[min(at, len(reading.lines) - 1)] if reading.lines else 1
    return InputError(
        f"two independent readings of the manifest disagree at line {line}; nothing was sent",
        hint="Save it anew as CSV with LF or CRLF line ends, or as Parquet.",
    )


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice:
        raise InputError(
            f"the manifest has more than one column named {_quoted(twice)}",
            hint="Give every column a name of its own.",
        )
    if _ID not in names:
        raise InputError(
            f"the manifest has no column {_ID}; its columns are {_quoted(names)}",
            hint=_hint_for_missing_id(names),
        )


def _hint_for_missing_id(names: Sequence[str]) -> str:
    for delimiter, called in ((";", "semicolons"), ("\t", "tabs")):
        if any(delimiter in name for name in names):
            return f"Its columns seem to be separated by {called}: save it with commas."
    plain = {name.strip().lower().replace(" ", "_"): name for name in names}
    close = difflib.get_close_matches(_ID, plain, n=1) or [one for one in plain if one == "id"]
    if close:
        return f"Did you mean {_quoted([plain[close[0]]])}? Rename it to {_ID}, to the letter."
    return f"The first line must name the columns, one of them {_ID}."


def _quoted(names: Sequence[str]) -> str:
    """Names as literals, cut to a length, so that they can neither steer a terminal nor fill it."""
    shown = [
        repr(name if len(name) <= _SHOWN_LENGTH else name[:_SHOWN_LENGTH] + "…") for name in names
    ]
    more = [f"{len(shown) - _SHOWN_NAMES} more"] if len(shown) > _SHOWN_NAMES else []
    return ", ".join(shown[:_SHOWN_NAMES] + more)


def _parquet_table(data: bytes, ignoring: Collection[str]) -> Table:
    schema = _parquet_schema(data)
    _check_names(list(schema))
    used = [name for name in _used(schema, ignoring) if not _is_foreign(name, schema)]
    texts = [_as_text(name, schema[name]) for name in used]
    # Only the columns that are used: some types of others make polars panic.
    try:
        frame = pl.read_parquet(io.BytesIO(data), columns=used)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        if "utf-8" in str(error).casefold():
            raise InputError(
                "the manifest holds text that is not Unicode", hint="Write its text as UTF-8."
            ) from None
        raise _broken_parquet() from None
    return frame.select(pl.int_range(1, pl.len() + 1).alias("line"), *texts), ()


def _is_foreign(name: str, schema: Mapping[str, pl.DataType]) -> bool:
    """An `outcome` that is no text is nobody's but the clinic's, and not looked at."""
    return name in _OURS_IF_TEXT and not _is_text(schema[name])


def _is_text(dtype: pl.DataType) -> bool:
    """Also as other programs write a column of few words."""
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def _parquet_schema(data: bytes) -> dict[str, pl.DataType]:
    try:
        return dict(pl.read_parquet_schema(io.BytesIO(data)))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        raise _broken_parquet() from None


def _broken_parquet() -> InputError:
    return InputError(
        "the manifest begins like Parquet and cannot be read as Parquet",
        hint="Write the file anew.",
    )


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as the text that a CSV manifest would hold, so that both are validated alike."""
    column = pl.col(name)
    is_words = name in _OURS_IF_TEXT and _is_text(dtype)
    if dtype == pl.String or is_words or (dtype == pl.Null and name != _ID):
        return column.cast(pl.String)
    if dtype == pl.Date and name in {"date", *_MOMENTS}:
        return _moments_as_text(column, per_day=1, pattern="%Y-%m-%d")
    if isinstance(dtype, pl.Datetime) and name in _MOMENTS:
        utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column
        pattern = "%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if dtype.time_zone else "")
        return _moments_as_text(utc, per_day=_PER_DAY[dtype.time_unit], pattern=pattern)
    raise InputError(
        f"the column {name} of the manifest holds {dtype}, not strings",
        hint=f'Write it as strings, in polars: pl.col("{name}").cast(pl.String)',
    )


def _moments_as_text(column: pl.Expr, *, per_day: int, pattern: str) -> pl.Expr:
    last = min(_LAST_DAY * per_day, 2**63 - 1)
    in_range = pl.when(column.to_physical().is_between(0, last)).then(column)
    text = in_range.dt.strftime(pattern).fill_null("out of range")
    return pl.when(column.is_not_null()).then(text)

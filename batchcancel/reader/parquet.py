"""Parquet manifests as the text that a CSV one would hold, so that both are validated alike."""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import polars as pl

from batchcancel.errors import InputError
from batchcancel.reader.columns import Asked, Columns, Table, columns_of, shortened
from batchcancel.reader.footer import TIMESTAMP, Column, Physical, read_footer, without_arrow
from batchcancel.settings.quantities import ID

_TIMES = ("starts_at", "appointment_date")
_OURS_IF_TEXT = ("outcome", "reason")
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_LAST_DAY = 2_932_896  # 9999-12-31, counted from 1970-01-01
_UUID_BYTES = 16
_LOGICAL: Final = {
    1: "text", 4: "text", 12: "text", 5: "Decimal", 6: "day", 7: "Time", 11: "nothing",
    14: "uuid", 15: "Float16",
}  # fmt: skip
_CONVERTED: Final = {
    5: "Decimal", 6: "day", 7: "Time", 8: "Time", 9: "local", 10: "local", 21: "Interval",
}  # fmt: skip
_IN_WORDS = {"instant": "instants", "local": "times", "day": "days", "uuid": "UUIDs"}
_UUID_PARTS = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
_PHYSICAL: Final = {
    Physical.BOOLEAN: "Boolean", Physical.INT32: "Int32", Physical.INT64: "Int64",
    Physical.INT96: "instant", Physical.FLOAT: "Float32", Physical.DOUBLE: "Float64",
    Physical.BYTE_ARRAY: "text", Physical.FIXED_LEN_BYTE_ARRAY: "text",
}  # fmt: skip


def parquet_table(data: bytes, asked: Asked) -> Table:
    """The used columns as text; `InputError` where one cannot be read as what it should be."""
    try:
        footer = read_footer(data)
    except ValueError:
        raise _broken() from None
    _refuse_intervals(footer.columns)
    columns = columns_of([one.name for one in footer.columns], asked)
    types = {one.name: one for one in footer.columns}
    # An `outcome` that is no text is nobody's but the clinic's, and not looked at.
    foreign = {
        name
        for our, name in columns.used.items()
        if our in _OURS_IF_TEXT and _kind(types[name]) != "text"
    }
    columns = Columns(
        {our: name for our, name in columns.used.items() if name not in foreign},
        tuple(name for name in types if name in foreign or name in columns.ignored),
    )
    texts = [_as_text(our, types[name]).alias(our) for our, name in columns.used.items()]
    line = pl.int_range(1, pl.len() + 1).alias("line")
    try:
        with _quiet():
            # Only the columns that are used: some types of others make polars panic.
            found = io.BytesIO(without_arrow(data))
            frame = pl.read_parquet(found, columns=[*columns.used.values()]).select(line, *texts)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        if "utf-8" in str(error).casefold():
            raise InputError(
                "the manifest holds text that is not Unicode", hint="Write its text as UTF-8."
            ) from None
        raise _broken() from None
    if frame.height != footer.rows:
        raise _broken()
    return Table(frame, columns)


def _refuse_intervals(columns: Sequence[Column]) -> None:
    for column in columns:
        if _kind(column) == "Interval":  # polars panics wherever one stands
            raise InputError(
                f"the column {shortened(column.name)} of the manifest holds intervals, beside "
                "which nothing can be read",
                hint="Write the file anew without it.",
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Where polars panics all the same, its backtrace goes nowhere: it may quote cells."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _broken() -> InputError:
    return InputError(
        "the manifest begins like Parquet and cannot be read as Parquet",
        hint="Write the file anew.",
    )


def _kind(column: Column) -> str:
    if column.physical is None:
        return "lists or structures"
    if column.logical == TIMESTAMP:
        return "instant" if column.is_utc else "local"
    if column.logical in _LOGICAL:
        return _LOGICAL[column.logical]
    if column.converted in _CONVERTED:
        return _CONVERTED[column.converted]
    if (column.physical, column.length) == (Physical.FIXED_LEN_BYTE_ARRAY, _UUID_BYTES):
        return "uuid"
    return _PHYSICAL[column.physical]


def _as_text(our: str, column: Column) -> pl.Expr:
    """A column as text; times to the microsecond."""
    cell, kind = pl.col(column.name), _kind(column)
    may_be_day = our in (*_TIMES, "date")
    if kind == "text" or (kind == "nothing" and our != ID):
        return cell.cast(pl.String)
    if kind == "uuid" and not may_be_day:
        return _uuid(cell, is_sure=column.logical is not None)
    if kind == "day" and may_be_day:
        return _moments(cell, per_day=1, pattern="%Y-%m-%d")
    if (kind == "local" and may_be_day) or (kind == "instant" and our in _TIMES):
        pattern = "%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if kind == "instant" else "")
        return _moments(cell, per_day=_PER_DAY[column.unit], pattern=pattern)
    raise InputError(
        f"the column {column.name} of the manifest holds {_IN_WORDS.get(kind, kind)}, not strings",
        hint=_hint(our, column, kind),
    )


def _hint(our: str, column: Column, kind: str) -> str:
    written = f'pl.col("{column.name}")'
    if kind == "instant" and our == "date":
        zone = '.dt.replace_time_zone("UTC")' if column.physical is Physical.INT96 else ""
        return (
            "Write the clinic's day, in polars: "
            f'{written}{zone}.dt.convert_time_zone("Asia/Kolkata").dt.date()'
        )
    if kind in _PHYSICAL.values() or kind == "Decimal":
        return f"Write it as strings, in polars: {written}.cast(pl.String)"
    return "Write it as strings" + (
        "." if our == ID else f", or leave it out: --ignore-column {column.name}"
    )


def _uuid(cell: pl.Expr, *, is_sure: bool) -> pl.Expr:
    """Sixteen bytes as a UUID, unless all are text: the ninth of a UUID is no ASCII."""
    digits = cell.bin.encode("hex")
    parts = [digits.str.slice(at, length) for at, length in _UUID_PARTS]
    uuid = pl.concat_str(parts, separator="-")
    if is_sure:
        return uuid
    is_text = (digits.str.slice(16, 1) < "8").all()
    return pl.when(is_text).then(cell.cast(pl.String, strict=False)).otherwise(uuid)


def _moments(cell: pl.Expr, *, per_day: int, pattern: str) -> pl.Expr:
    last = min(_LAST_DAY * per_day, 2**63 - 2)  # what is out of range for polars is one more
    in_range = pl.when(cell.to_physical().is_between(0, last)).then(cell)
    text = in_range.dt.strftime(pattern).fill_null("out of range")
    return pl.when(cell.is_not_null()).then(text)

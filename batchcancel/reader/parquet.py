"""Parquet manifests as the text that a CSV one would hold, so that both are validated alike."""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import polars as pl

from batchcancel.errors import InputError
from batchcancel.reader.columns import Asked, Columns, Table, columns_of, renamed
from batchcancel.reader.footer import Column, read_footer, without_arrow
from batchcancel.settings.quantities import ID

_TIMES = ("starts_at", "appointment_date")
_OURS_IF_TEXT = ("outcome", "reason", "selection")
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_LAST_DAY = 2_932_896  # 9999-12-31, counted from 1970-01-01
_UUID_BYTES, _UUID_PARTS = 16, ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
_IN_WORDS = {
    "instant": "instants", "INT96": "instants", "local": "times", "day": "days", "UUID": "UUIDs",
    "nested": "lists or structures",
}  # fmt: skip
_CASTABLE = {"Boolean", "Int32", "Int64", "Float32", "Float64", "Decimal"}


def parquet_table(data: bytes, asked: Asked) -> Table:
    """The used columns as text; `InputError` where one cannot be read as what it should be."""
    try:
        found, rows = read_footer(data)
    except ValueError:
        raise _broken() from None
    types = {column.name: column for column in found}
    for name in [column.name for column in found if column.kind == "Interval"]:
        raise InputError(  # wherever one stands, polars panics
            f"the column {name!r} of the manifest holds intervals, which spoil the whole file",
            hint="Write the file anew without it.",
        )
    columns = columns_of([column.name for column in found], asked)
    # An `outcome` that is no text is nobody's but the clinic's, and not looked at.
    used = {
        our: types[name]
        for our, name in columns.used.items()
        if our not in _OURS_IF_TEXT or types[name].kind == "text"
    }
    names = {our: column.name for our, column in used.items()}
    at = [number for number, column in enumerate(found) if column.name in names.values()]
    texts = [_as_text(our, column).alias(our) for our, column in used.items()]
    frame = _read(data, names, at, [pl.int_range(1, pl.len() + 1).alias("line"), *texts])
    if frame.height != rows:
        raise _broken()
    ignored = tuple(column.name for column in found if column.name not in names.values())
    return Table(frame, Columns(names, ignored))


def _read(
    data: bytes, names: Mapping[str, str], at: list[int], texts: list[pl.Expr]
) -> pl.DataFrame:
    try:
        with _quiet():
            # Only the columns that are used: some types of others make polars panic.
            file = io.BytesIO(without_arrow(data))
            return renamed(pl.read_parquet(file, columns=at), names).select(texts)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        if "utf" in str(error).casefold():
            raise InputError(
                "the manifest holds text that is not Unicode", hint="Write its text as UTF-8."
            ) from None
        raise _broken() from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Where polars panics all the same, its backtrace goes nowhere: it may quote cells."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
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


def _as_text(our: str, column: Column) -> pl.Expr:
    """A column as text; times to the microsecond."""
    cell, kind, is_time = pl.col(our), column.kind, our in _TIMES
    if (kind == "text" and column.length != _UUID_BYTES) or (kind == "nothing" and our != ID):
        return cell.cast(pl.String)
    if kind in ("UUID", "text") and not is_time and our != "date":
        return _uuid(cell, is_sure=kind == "UUID")
    if kind == "day" and (is_time or our == "date"):
        return _moments(cell, per_day=1, pattern="%Y-%m-%d")
    if (is_time and kind in ("local", "instant", "INT96")) or (our, kind) == ("date", "local"):
        pattern = "%Y-%m-%dT%H:%M:%S%.6f" + ("" if kind == "local" else "Z")
        return _moments(cell, per_day=_PER_DAY[column.unit], pattern=pattern)
    raise InputError(
        f"the column {column.name} of the manifest holds {_IN_WORDS.get(kind, kind)}, not strings",
        hint=_hint(our, column),
    )


def _hint(our: str, column: Column) -> str:
    typed = f'pl.col("{column.name}")'
    if column.kind in _CASTABLE:
        return f"Write it as strings, in polars: {typed}.cast(pl.String)"
    if our == "date" and column.kind in ("instant", "INT96"):
        zone = '.dt.replace_time_zone("UTC")' if column.kind == "INT96" else ""
        local = f'{typed}{zone}.dt.convert_time_zone("Asia/Kolkata").dt.date()'
        return f"Write the clinic's day, in polars: {local}"
    other = "" if our == ID else f", or leave it out: --ignore-column {column.name}"
    return f"Write it as strings{other}"


def _uuid(cell: pl.Expr, *, is_sure: bool) -> pl.Expr:
    """Sixteen bytes as a UUID, unless all are text: the ninth of a UUID is no ASCII."""
    digits = cell.bin.encode("hex")
    uuid = pl.concat_str((digits.str.slice(*part) for part in _UUID_PARTS), separator="-")
    is_text = pl.lit(value=False) if is_sure else (digits.str.slice(16, 1) < "8").all()
    return pl.when(is_text).then(cell.cast(pl.String, strict=False)).otherwise(uuid)


def _moments(cell: pl.Expr, *, per_day: int, pattern: str) -> pl.Expr:
    # What is out of range for polars is the largest number.
    last = min(_LAST_DAY * per_day, 2**63 - 2)
    in_range = pl.when(cell.to_physical().is_between(0, last)).then(cell)
    text = in_range.dt.strftime(pattern).fill_null("out of range")
    return pl.when(cell.is_not_null()).then(text)

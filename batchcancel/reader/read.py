"""Parser of CSV and Parquet manifests; CSV is parsed twice, and the results are compared.

The bytes are read once and judged by their content, not by the name of the file. A stray quote in
a column that is not used can make polars lose rows without a word (pola-rs/polars#21519), so a
strict parser of our own has to find the same rows.
"""

import polars as pl

from batchcancel.errors import InputError
from batchcancel.reader.columns import NOTHING_ASKED, Asked, Table, columns_of, has_id, renamed
from batchcancel.reader.decoding import HOW_TO_SAVE, SEPARATORS, Text, decoded, unpacked
from batchcancel.reader.fetch import content_of
from batchcancel.reader.footer import MAGIC
from batchcancel.reader.manifest import Manifest, manifest_of
from batchcancel.reader.parquet import parquet_table
from batchcancel.reader.rejected import REASONS
from batchcancel.reader.strict_csv import StrictReading, read_header, read_rows, without_dropped
from batchcancel.settings.quantities import ID

_OLDEST_POLARS = (1, 41, 2)


def require_polars(version: str = pl.__version__) -> None:
    """Refuse a polars that reads the second of two columns of one name (pola-rs/polars#27393)."""
    found = tuple(int(one) for one in version.split(".")[:3] if one.isdigit())
    if found < _OLDEST_POLARS:
        raise InputError(
            f"polars {version} is installed, which can read a wrong column of a Parquet file",
            hint="Type: pip install 'polars>=1.41.2,<3'. Nothing was sent.",
        )


def read_manifest(source: str | bytes, *, asked: Asked = NOTHING_ASKED) -> Manifest:
    """Read the manifest at a path, on standard input when that is `-`, or in bytes.

    Bad rows are values in `Manifest.rejected`, all of them found in one go. `InputError` when there
    is no manifest to be had: missing, empty, not a table, or without an `appointment_id` column.
    """
    # Opened here and not by polars, to which a path may be a pattern or a URL.
    data = source if isinstance(source, bytes) else content_of(source)
    data, packed = unpacked(data)
    table = (parquet_table if data.startswith(MAGIC) else _csv_table)(data, asked)
    if table.frame.is_empty() and not table.rejected:
        raise _empty()
    return manifest_of(
        table.frame,
        source=source if isinstance(source, str) else "-",
        rejected=table.rejected,
        columns=table.columns,
        read_as=(*packed, *table.read_as),
        date_format=asked.date_format,
    )


def _empty() -> InputError:
    return InputError(
        "the manifest is empty",
        hint=f"Give a table with a column {ID} and one appointment in each row.",
    )


def _csv_table(data: bytes, asked: Asked) -> Table:
    text = decoded(data)
    data = text.data.rstrip(b"\r\n")
    if not data or data.isspace():
        raise _empty()
    names, separator = header_of(data, text, asked)
    columns = columns_of(names, asked)
    id_name = columns.used[ID]
    reading = read_rows(data, width=len(names), id_at=names.index(id_name), separator=separator)
    try:
        # Nothing is inferred: ids such as 007 or 1e5 must stay as they are. No schema: polars
        # applies it by position, and a swapped header would swap columns (pola-rs/polars#22326).
        # Never lenient either: rows would be lost without a word.
        frame = pl.read_csv(
            without_dropped(data, reading),
            columns=[names.index(name) for name in columns.used.values()],
            separator=separator,
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        # From None, here and below: the message of polars may quote cells, which are personal.
        raise _disagreement(reading, at=0) from None
    frame = renamed(frame, columns.used)
    _require_same_rows(frame.get_column(ID).fill_null(""), reading)
    told = () if separator == "," else (f"{SEPARATORS[separator]} between cells",)
    line = pl.Series("line", reading.lines, pl.Int64)
    return Table(
        frame.with_columns(line), columns, reading.rejected, read_as=(*text.read_as, *told)
    )


def header_of(data: bytes, text: Text, asked: Asked) -> tuple[list[str], str]:
    """The names of the columns, and the separator by which the one that is needed is among them."""
    separators = [text.separator] if text.separator else [*SEPARATORS]
    found = [(header, one) for one in separators if (header := read_header(data, one))]
    faults = [header.fault for header, _ in found if header.fault is not None]
    if len(faults) == len(found):
        raise InputError(
            f"the header of the manifest cannot be read: line {faults[0].line}: "
            f"{REASONS[faults[0].reason]}",
            hint=HOW_TO_SAVE,
        )
    sound = [(header.cells, one) for header, one in found if header.fault is None]
    widest = max(sound, key=lambda one: len(one[0]))
    return next((one for one in sound if has_id(one[0], asked)), widest)


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

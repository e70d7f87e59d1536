"""Export of a batch's rows as CSV, Parquet or JSON; the first two are themselves manifests.

Every row that was read is in it once, in the manifest's order. A rejected row, read as a manifest,
is a rejected row again: what was wrong with it is not mended by having been exported.

Text is kept as it is, with one exception. A spreadsheet takes a CSV cell that begins with
`= + - @`, blanks before them included, for a formula, so such a text gets a `'` in front. Ids,
codes and phone numbers have letters, digits, `_`, `-` and blanks only: they can do no harm, and no
byte of them changes.
"""

import difflib
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from io import BytesIO
from typing import BinaryIO

import polars as pl
import polars.selectors as cs

from batchcancel.appointments import OutcomeName
from batchcancel.errors import InputError
from batchcancel.ledger.contract import RowRecord, State
from batchcancel.report.atomic import Output, replacing, require_kind

_INSTANT = pl.Datetime("us", "UTC")
_SCHEMA = dict.fromkeys(RowRecord._fields, pl.String()) | {
    **dict.fromkeys(("starts_at", "opened_at", "settled_at"), _INSTANT),
    **dict.fromkeys(("attempts", "line"), pl.Int64()),
    "date": pl.Date(),
}
_FORMULA, _HARMLESS = (
    r"^[\s\x00]*[=+\-@\u{FF1D}\u{FF0B}\u{FF0D}\u{FF20}]|^[\t\r\n]",
    (r"^([A-Za-z0-9_-]*|\+[0-9][0-9 ]*|--date [0-9-]+( --[a-z-]+ [\w-]+)*)$"),
)
_ROWS_AT_ONCE, _MOST_LINES = 50_000, 1_048_576

Table = pl.DataFrame
Write = Callable[[Table, BinaryIO], object]


def write_results(
    rows: Iterable[RowRecord], path: Output, *, outcomes: Collection[str] | None = None
) -> int:
    """Write rows to a file of the kind its ending says, whole or not at all; tell how many.

    `outcomes` picks rows by outcome or by state (a row that was given up is also open); None or
    nothing picks all. Times are ISO 8601 in UTC, and what is not known is null, in CSV empty.
    An unknown ending or outcome, and a place that cannot be written, raise InputError.
    """
    require_kind(path, KINDS)
    return write_table(results(rows, outcomes=outcomes), path)


def results(rows: Iterable[RowRecord], *, outcomes: Collection[str] | None = None) -> pl.DataFrame:
    """The same as a table, in the manifest's order; a ledger of version 1 knows no lines.

    It is built in parts, so that a million rows are never all there as Python objects.
    """
    wanted, parts = known(outcomes or ()), [pl.DataFrame(schema=_SCHEMA)]
    picked = (row for row in rows if not wanted or {row.outcome, row.state.value} & wanted)
    while some := list(itertools.islice(picked, _ROWS_AT_ONCE)):
        parts.append(pl.DataFrame(some, schema=_SCHEMA, orient="row"))
    texts = (cs.datetime().dt.strftime("%FT%T%.fZ"), cs.date().dt.strftime("%F"))
    frame = pl.concat(parts).with_columns(*texts)
    return frame.sort("line", nulls_last=True, maintain_order=True)


def write_table(frame: pl.DataFrame, path: Output) -> int:
    """Write a table to a file of the kind its ending says, whole or not at all."""
    require_kind(path, KINDS)
    with replacing(path) as file:
        _WRITERS[path.suffix.lower()](frame, file)
    return len(frame)


def write_texts(columns: Iterable[str], rows: Sequence[Sequence[object]], path: Output) -> None:
    """The same of rows of texts."""
    schema = dict.fromkeys(columns, pl.String())
    write_table(pl.DataFrame(rows, schema=schema, orient="row"), path)


def csv_text(frame: pl.DataFrame) -> str:
    """The table as CSV, harmless where a spreadsheet opens it."""
    names = pl.Series(frame.columns, dtype=pl.String())
    harmless = frame.with_columns(_harmless(cs.string()))
    harmless.columns = names.to_frame("n").select(_harmless(pl.col("n"))).to_series().to_list()
    return harmless.write_csv()


def _harmless(cell: pl.Expr) -> pl.Expr:
    is_formula = cell.str.contains(_FORMULA) & ~cell.str.contains(_HARMLESS)
    return pl.when(is_formula).then(cell.str.replace("^", "'")).otherwise(cell)


def _write_parquet(frame: pl.DataFrame, file: BinaryIO) -> None:
    """Write through memory: for a full disk polars raises an error that is no OSError."""
    content = BytesIO()
    frame.write_parquet(content)
    file.write(content.getbuffer())


def _write_xlsx(frame: pl.DataFrame, file: BinaryIO) -> None:
    """Texts stay texts, numbers can be sorted, and it prints as wide as the paper.

    Through memory, for it may hold names.
    """
    try:
        from xlsxwriter import Workbook
    except ModuleNotFoundError:
        raise InputError(
            "an .xlsx file needs the extra xlsx, which is not installed",
            hint="pip install 'batchcancel[xlsx]' from where it was installed; or name a .csv.",
        ) from None
    if len(frame) >= _MOST_LINES:
        raise InputError(
            f"an .xlsx file has {_MOST_LINES:,} lines at most, and these are more",
            hint="Let it end with .csv or .parquet.",
        )
    content = BytesIO()
    with Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for at, (name, cells) in enumerate(frame.to_dict(as_series=False).items()):
            column = [name, *("" if cell is None else cell for cell in cells)]
            for line, cell in enumerate(column):
                write = sheet.write_number if isinstance(cell, int) else sheet.write_string
                write(line, at, cell)
            sheet.set_column(at, at, min(60, max(len(str(cell)) for cell in column) + 2))
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(len(frame), 1), frame.width - 1)
    file.write(content.getbuffer())


_WRITERS: dict[str, Write] = {
    ".csv": lambda frame, file: file.write(csv_text(frame).encode()),
    ".json": lambda frame, file: file.write(frame.write_json().encode()),
    ".parquet": _write_parquet,
    ".xlsx": _write_xlsx,
}


KINDS = tuple(_WRITERS)


def known(outcomes: Collection[str]) -> set[str]:
    """The outcomes and states that are named; `InputError` for what is none."""
    names = [*OutcomeName, State.WAITING, State.OPEN]
    for outcome in outcomes:
        if outcome not in names:
            close = difflib.get_close_matches(outcome, names, n=1)
            meant = f"Did you mean {close[0]}? " if close else ""
            raise InputError(
                f"there is no outcome {outcome}", hint=f"{meant}There are {', '.join(names)}."
            )
    return set(outcomes)

"""The account of a batch as CSV, Parquet or JSON; itself a manifest again.

Text is kept as it is, with one exception. A spreadsheet takes a CSV cell that begins with
`= + - @`, a tab or a carriage return for a formula, so such a `session`, `branch_id` or `reason`
gets a `'` in front. Ids and codes have letters, digits, `_` and `-` only: they can do no harm, and
no byte of them changes.
"""

import difflib
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import polars as pl

from batchcancel.appointments import OutcomeName
from batchcancel.errors import InputError
from batchcancel.ledger import RowRecord, State
from batchcancel.reports.atomic import replacing

_SCHEMA = {
    name: pl.Int64 if name == "attempts" else pl.String for name in RowRecord._fields
}
_FOREIGN_TEXT = ("session", "branch_id", "reason")
_FORMULA, _CODE = r"^[=+\-@\t\r]", r"^[A-Za-z0-9_-]*$"
_ROWS_AT_ONCE = 50_000

Write = Callable[[pl.DataFrame, IO[bytes]], Any]


def write_results(
    rows: Iterable[RowRecord], path: Path, *, outcomes: Collection[str] | None = None
) -> int:
    """Write rows to a file of the kind its ending says, whole or not at all; tell how many.

    `outcomes` picks rows by outcome or by state (a row that was given up is also open); None or
    nothing picks all. Times are ISO 8601 in UTC, and what is not known is null, in CSV empty.
    An unknown ending or outcome, and a place that cannot be written, raise InputError.
    """
    write = _writer_for(path)
    wanted = _known(outcomes or ())
    picked = (row for row in rows if not wanted or {row.outcome, row.state.value} & wanted)
    frame = pl.concat([pl.DataFrame(schema=_SCHEMA), *_frames(picked)])
    with replacing(path) as file:
        write(frame, file)
    return frame.height


def _write_csv(frame: pl.DataFrame, file: IO[bytes]) -> None:
    cell = pl.col(_FOREIGN_TEXT)
    is_formula = cell.str.contains(_FORMULA) & ~cell.str.contains(_CODE)
    frame.with_columns(pl.when(is_formula).then("'" + cell).otherwise(cell)).write_csv(file)


def _write_json(frame: pl.DataFrame, file: IO[bytes]) -> None:
    frame.write_json(file)


def _write_parquet(frame: pl.DataFrame, file: IO[bytes]) -> None:
    frame.write_parquet(file)


_WRITERS: dict[str, Write] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
}


def _writer_for(path: Path) -> Write:
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise InputError(
            f"the ending of {path} names no kind of results",
            hint=f"Let it end with one of {', '.join(_WRITERS)}.",
        )
    return write


def _known(outcomes: Collection[str]) -> set[str]:
    names = [*OutcomeName, State.WAITING, State.OPEN]
    for outcome in outcomes:
        if outcome not in names:
            close = difflib.get_close_matches(outcome, names, n=1)
            meant = f"Did you mean {close[0]}? " if close else ""
            raise InputError(
                f"there is no outcome {outcome}", hint=f"{meant}There are {', '.join(names)}."
            )
    return set(outcomes)


def _frames(rows: Iterable[RowRecord]) -> Iterator[pl.DataFrame]:
    """Keep a million rows small: as columns of Arrow, never all of them as objects."""
    cells = (_cells(row) for row in rows)
    while some := list(itertools.islice(cells, _ROWS_AT_ONCE)):
        yield pl.DataFrame(some, schema=_SCHEMA, orient="row")


def _cells(row: RowRecord) -> tuple[str | int | None, ...]:
    return row._replace(
        starts_at=_iso(row.starts_at),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"

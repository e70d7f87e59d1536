"""What became of each row, beside the columns that the manifest itself has."""

import csv
import io
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from batchcancel.errors import InputError
from batchcancel.ledger.contract import RowRecord
from batchcancel.reader.columns import NOTHING_ASKED, columns_of
from batchcancel.reader.decoding import decoded, unpacked
from batchcancel.reader.footer import MAGIC
from batchcancel.reader.read import header_of
from batchcancel.settings.quantities import ID

_OURS = ("outcome", "reason", "clinic_time")
_READABLE = re.compile(r"[\w-]{1,64}", re.ASCII)


def beside(
    manifest: str, rows: Iterable[RowRecord], *, timezone: ZoneInfo | None, wanted: Collection[str]
) -> pl.DataFrame:
    """The manifest's rows as they stand there, in its order, with what became of each of them.

    `wanted` picks rows by outcome or state; empty, all. A row that the ledger does not know has
    no outcome. It may hold names: whoever writes it, writes it for its owner alone.
    """
    names, cells = _table(manifest)
    place = names.index(columns_of(names).used[ID])
    known = {one.appointment_id or one.line: one for one in rows}
    kept = [at for at, name in enumerate(names) if name not in _OURS]
    written = []
    for line, values in cells:
        cell = values[place] or "" if place < len(values) else ""
        # A line tells whose row it is where no id does: the manifest may be another one by now.
        row = known.get(cell.strip()) or (None if _READABLE.fullmatch(cell) else known.get(line))
        if wanted and (row is None or not {row.outcome, row.state.value} & set(wanted)):
            continue
        filled = [*values, *[None] * len(names)]
        written.append([*(filled[at] for at in kept), *_told(row, timezone)])
    schema = dict.fromkeys([*(names[at] for at in kept), *_OURS], pl.String())
    return pl.DataFrame(written, schema=schema, orient="row")


def _told(row: RowRecord | None, timezone: ZoneInfo | None) -> tuple[str | None, ...]:
    if row is None:
        return None, None, None
    start = None
    if row.starts_at is not None:
        local = row.starts_at.astimezone(timezone) if timezone else row.starts_at
        start = f"{local:%Y-%m-%d}" if row.start_known_by == "day" else f"{local:%Y-%m-%d %H:%M}"
    return row.outcome or row.state.value, row.reason, start


def _table(manifest: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of all columns, and the cells of each row with its line, as the ledger counts."""
    try:
        data, _ = unpacked(Path(manifest).read_bytes())
    except OSError as error:
        raise InputError(
            f"the manifest {manifest!r} cannot be read: {error.strerror}",
            hint="Name the manifest of this batch, a file on this machine, with --with.",
        ) from None
    if data.startswith(MAGIC):
        frame = pl.read_parquet(io.BytesIO(data)).cast(pl.String, strict=False)
        return frame.columns, enumerate(map(list, frame.iter_rows()), start=1)
    text = decoded(data)
    names, separator = header_of(text.data, text, NOTHING_ASKED)
    content = io.StringIO(text.data.decode(), newline="")
    rows = _numbered(csv.reader(content, delimiter=separator))
    next(rows)
    return names, rows


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    before = 0
    for cells in reader:
        if cells:
            yield before + 1, cells
        before = reader.line_num

"""The manifest as a validated table: distinct appointments, rejected rows, content digest."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from operator import attrgetter
from zoneinfo import ZoneInfo

import polars as pl

from batchcancel.api import MOST_NOTES
from batchcancel.appointments import OutcomeName, RejectedRow, Start
from batchcancel.errors import InputError
from batchcancel.events import Caution
from batchcancel.ledger.contract import LedgerRow
from batchcancel.reader import start_columns, times
from batchcancel.reader.beside import left_join
from batchcancel.reader.columns import Columns
from batchcancel.reader.outcomes import SENT_AGAIN, mark
from batchcancel.reader.rejected import in_words, whole_column
from batchcancel.reader.remarks import remarks
from batchcancel.reader.selection import repeated
from batchcancel.settings.quantities import COLUMNS, ID

SessionKey = tuple[date, str | None, str | None]
"""A date, a session and a branch; the latter two may be unknown."""

_CONTENT = ("appointment_id", "starts_at", "local_start", "date", "session", "branch_id", "notes")
_EVERYTHING = (*_CONTENT, "start_known_by", "marked")
_GIVEN = ("manifest_start", "date", "start_known_by")
_WHOLE = (("start", "manifest_start", "unreadable_time"), ("date", "date", "unreadable_date"))
_HEADER = "^(?i)\ufeff?appointment[ _-]*id$"
_READABLE_ID = "^[A-Za-z0-9_-]{1,64}$"
_SHOWN_ROWS = 20
_ID, _START, _UNDONE = pl.col(ID), pl.col("manifest_start"), pl.col("marked").is_null()
_SLICE = 50_000  # the digest is made slice by slice: another number would change every digest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Manifest:
    """The content of one manifest.

    `frame` holds one row per appointment, sorted by id: `line`, `appointment_id`, `starts_at`,
    `latest_start` and `start_known_by` (a start, in UTC), `local_start` (naive: its timezone is not
    known yet), `date`, `session`, `branch_id`, `notes`, `manifest_start` (the start to the letter)
    and `marked` (the outcome with which the manifest says that the row is done); all but the first
    two may be null. Where the start is not an exact one, `latest_start` is null until the sessions'
    starts are known.
    `rejected` is ordered by line, `duplicates` counts the exact repetitions that were collapsed.
    `digest` belongs to what the file said, whatever the order of its rows; what is found out later
    does not change it. `read_as` says in words how the bytes became a table.
    """

    source: str
    frame: pl.DataFrame
    rejected: tuple[RejectedRow, ...]
    duplicates: int
    digest: str
    columns: Columns = field(default_factory=Columns)
    read_as: tuple[str, ...] = ()
    cautions: tuple[Caution, ...] = ()
    selection: str | None = None
    """What `find` was asked for, where all rows say the same; the words of its options."""
    whole: Mapping[str, str] = field(default_factory=dict)
    """A sentence for each reason for which a whole column cannot be read."""

    @property
    def rows(self) -> int:
        """Distinct appointments and rejected rows; the rows read are these and `duplicates`."""
        return self.frame.height + len(self.rejected)

    @property
    def needs_timezone(self) -> bool:
        """Some start cannot be told without the timezone of the clinic."""
        has_local = pl.col("local_start").is_not_null()
        is_asked = _UNDONE & (has_local | start_columns.lacks_session_start())
        return bool(self.frame.select(is_asked.any()).item())

    @property
    def has_unknown_start(self) -> bool:
        """Some row to be done says nothing of its start, not even a day."""
        unknown = pl.all_horizontal(pl.col("starts_at", "local_start", "date").is_null())
        return not self.frame.filter(_UNDONE, unknown).is_empty()

    def ids(self) -> list[str]:
        return self.frame.get_column("appointment_id").to_list()

    def with_refused_undone(self) -> "Manifest":
        """Let rows that are marked as refused or not found be done once more."""
        is_done = ~pl.col("marked").is_in(SENT_AGAIN)
        return replace(self, frame=self.frame.with_columns(pl.when(is_done).then("marked")))

    def in_timezone(self, tz: ZoneInfo) -> "Manifest":
        """Convert local starts from `tz`.

        Rows whose local time is skipped there, or whose start is on another day there than they
        say, are rejected.
        """
        local = self.frame.get_column("local_start").drop_nulls().unique()
        instants = [times.instant_of(moment, tz) for moment in local]
        known = pl.DataFrame([local, pl.Series("instant", instants, times.UTC_TIME)])
        frame = left_join(self.frame, known, ["local_start"])
        skipped = pl.col("local_start").is_not_null() & pl.col("instant").is_null()
        kept = frame.filter(~skipped).with_columns(
            starts_at=pl.coalesce("starts_at", "instant"),
            local_start=pl.lit(None, pl.Datetime("us")),
        )
        dated = start_columns.with_days(kept.drop("instant"), tz)
        is_another = (pl.col("own_day") != pl.col("date")).fill_null(value=False)
        return replace(
            self,
            frame=dated.filter(~is_another).drop("own_day"),
            rejected=_merged(
                self.rejected,
                _rejected_rows(frame.filter(skipped), "non_existent_time"),
                _rejected_rows(dated.filter(is_another), "contradicting_start"),
            ),
        )

    def sessions_wanted(self) -> list[SessionKey]:
        """The sessions whose starts would complete the rows that have a day and no exact start."""
        wanted = self.frame.filter(_UNDONE, start_columns.lacks_session_start()).select(
            start_columns.session_key()
        )
        return wanted.unique().sort(start_columns.SESSION_KEY).rows()

    def with_session_starts(self, starts: Mapping[SessionKey, Start]) -> "Manifest":
        """Give the rows that have a day and no exact start that of their session.

        Where the manifest itself tells when it begins, only the end is taken over. Rows of
        sessions that are not among `starts` stay as they are.
        """
        if not starts:
            return self
        keys = {name: self.frame.schema[name] for name in start_columns.SESSION_KEY}
        known = start_columns.known_starts(((*key, start) for key, start in starts.items()), keys)
        keyed = self.frame.with_columns(start_columns.session_key(prefix="of_"))
        found = left_join(keyed, known, [f"of_{name}" for name in keys], right_on=[*keys])
        frame = found.drop(f"of_{name}" for name in keys)
        return replace(self, frame=start_columns.fill_starts(frame))

    def rejected_in_words(self, most: int) -> Iterator[str]:
        """A line for each of the first rejected rows, and how many more there are."""
        return in_words(self.rejected, self.whole, most=most)

    def require_clean(self) -> None:
        """Refuse a manifest with rejected rows, telling the first of them."""
        if not self.rejected:
            return
        rows = "1 row" if len(self.rejected) == 1 else f"{len(self.rejected)} rows"
        told = "".join(f"\n  {line}" for line in self.rejected_in_words(_SHOWN_ROWS))
        raise InputError(
            f"{rows} of the manifest cannot be used; nothing was sent:{told}",
            hint="Correct the manifest, or leave such rows out with --allow-rejected-rows.",
        )

    def texts(self) -> Iterator[str]:
        """Every distinct text that the ledger keeps of it, but for ids."""
        for column in self.frame.select("session", "branch_id", "manifest_start"):
            yield from column.drop_nulls().unique()
        yield self.selection or ""

    def ledger_rows(self) -> Iterator[LedgerRow]:
        """Give the appointments as the ledger keeps them, sorted by id."""
        for part in self.frame.select(LedgerRow._fields).iter_slices(_SLICE):
            yield from map(LedgerRow._make, zip(*(c.to_list() for c in part), strict=True))


def manifest_of(
    texts: pl.DataFrame,
    *,
    source: str,
    rejected: Sequence[RejectedRow] = (),
    columns: Columns | None = None,
    read_as: Sequence[str] = (),
    date_format: str | None = None,
) -> Manifest:
    """Validate the rows of a table as appointments.

    `texts` holds `line` and those of `COLUMNS` the file has, as text; an empty text is null. By
    `outcome` and `reason`, which our exports have, rows are marked as done, and a row that was
    rejected before is again. `rejected` are rows that could not even be read as rows. `columns`
    tells which names the file has for them, where these are others.
    """
    columns = columns or Columns({one: one for one in COLUMNS if one in texts.columns})
    given = _given(texts, date_format, header=columns.used[ID])
    bad = given.filter(pl.col("why").is_not_null())
    cautions, whole = tuple(remarks(given)), dict(_whole_columns(given, bad))
    selection = repeated(given.get_column("selection").unique())
    good = _typed(given if bad.is_empty() else given.filter(pl.col("why").is_null()))
    del given  # a million rows of it would be the peak of a plan
    distinct = _distinct(good)
    conflicting = distinct.select(_conflicting(bad.get_column(ID))).to_series()
    at_odds = _rejected_rows(distinct.filter(conflicting), "conflicting_duplicate")
    everything = _merged(rejected, _rejected_rows(bad), at_odds)
    frame = distinct.filter(~conflicting)  # none of them is used: nothing says which one is right
    return Manifest(
        source=source,
        frame=frame,
        rejected=everything,
        duplicates=good.height - distinct.height,
        digest=_digest(frame, everything),
        columns=columns,
        read_as=tuple(read_as),
        cautions=cautions,
        selection=selection,
        whole=whole,
    )


def _given(texts: pl.DataFrame, date_format: str | None, *, header: str) -> pl.DataFrame:
    """Read times and dates; `why` says what is wrong with a row, null when nothing is."""
    given = texts.select("line", *(_text_or_null(name, texts.columns) for name in COLUMNS))
    if date_format is not None:
        days = (given.get_column(name) for name in ("starts_at", "appointment_date", "date"))
        given = given.with_columns(times.in_format(one, date_format) for one in days)
    given = given.with_columns(manifest_start=pl.coalesce("starts_at", "appointment_date"))
    starts = times.read_starts(given.get_column("manifest_start"))
    has_two = {"starts_at", "appointment_date"} <= {*texts.columns}
    other = given.get_column("appointment_date")
    others = times.read_starts(other) if has_two else starts.clear(starts.height)
    day = times.read_dates(given.get_column("date")).alias("day")
    known_by = times.read_known_by(given.get_column("start_known_by")).alias("known_by")
    others.columns = [f"other_{name}" for name in others.columns]
    has_start = pl.any_horizontal(pl.col("starts_at", "local_start", "start_day").is_not_null())
    return (
        given.with_columns(*starts, *others, day, known_by, mark().alias("marked"))
        .with_columns(has_start=has_start)
        .with_columns(why=_why(header))
    )


def _typed(given: pl.DataFrame) -> pl.DataFrame:
    known_by, day = start_columns.known_by_told(), pl.coalesce("day", "start_day").alias("date")
    return given.select(
        "line", "appointment_id", "starts_at", start_columns.latest_if_exact(known_by),
        known_by.alias("start_known_by"), "local_start", day, "session", "branch_id", "notes",
        "manifest_start", "marked",
    )  # fmt: skip


def _whole_columns(given: pl.DataFrame, bad: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """The reasons for which no cell of a column can be read, each with a sentence."""
    for what, name, reason in _WHOLE:
        cells = bad.filter(pl.col("why") == reason).get_column(name)
        if len(cells) > 1 and len(cells) == given.get_column(name).count():
            yield reason, whole_column(what, cells)


def _text_or_null(name: str, given: Sequence[str]) -> pl.Expr:
    if name not in given:
        return pl.lit(None, pl.String).alias(name)
    return pl.when(pl.col(name) != "").then(name).alias(name)


def _why(header: str) -> pl.Expr:
    texts = pl.col("session", "branch_id", "notes")
    is_given = {name: pl.col(name).is_not_null() for name in _GIVEN}
    # The first that applies counts.
    faults = {
        "rejected_before": pl.col("marked") == OutcomeName.REJECTED_ROW.value,
        "empty_id": _ID.is_null(),
        "repeated_header": (_ID.str.to_lowercase() == header.lower()) | _ID.str.contains(_HEADER),
        "bad_id": ~_ID.str.contains(_READABLE_ID),
        "nul": pl.any_horizontal(texts.str.contains("\0", literal=True)),
        "notes_too_long": pl.col("notes").str.len_chars() > MOST_NOTES,
        "unreadable_time": is_given["manifest_start"] & ~pl.col("has_start"),
        "unreadable_date": is_given["date"] & pl.col("day").is_null() & ~pl.col("has_start"),
        "unreadable_known_by": is_given["start_known_by"] & pl.col("known_by").is_null(),
        "contradicting_start": start_columns.contradicts_itself(),
    }
    return pl.coalesce(pl.when(is_so).then(pl.lit(why)) for why, is_so in faults.items())


def _distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort by id, and collapse rows that say the same, the first of the file staying."""
    by_id = rows.sort("appointment_id", "line")
    ids = by_id.get_column("appointment_id")
    # Most manifests repeat no id, and comparing whole rows is slow for a million of them.
    if not (ids == ids.shift()).any():
        return by_id
    return by_id.unique(subset=_EVERYTHING, keep="first", maintain_order=True)


def _conflicting(bad_ids: pl.Series) -> pl.Expr:
    """Whether another row, or a rejected one, has the same id; the rows are sorted by id."""
    beside = _ID.eq_missing(_ID.shift()) | _ID.eq_missing(_ID.shift(-1))
    return beside | _ID.is_in(bad_ids.drop_nulls().to_list())


def _digest(frame: pl.DataFrame, rejected: Sequence[RejectedRow]) -> str:
    """Hash the content of rows sorted by id, column by column, and how often each reason came.

    Without marks the digest is what it was before there were any: batches go on.
    """
    digest = hashlib.sha256()

    def update(*columns: pl.Expr, before: bytes = b"") -> None:
        for part in frame.select(columns).iter_slices(_SLICE):
            for column in part:
                digest.update(before + _encoded(column))

    update(pl.col(_CONTENT))
    known_by = pl.col("start_known_by").cast(pl.String)
    # Left out where it says nothing, as it always was.
    if not frame.select((known_by == start_columns.EXACT).all()).item():
        digest.update(b"start_known_by\n")
        update(known_by)
    for reason, count in sorted(Counter(row.reason for row in rejected).items()):
        digest.update(f"{reason} {count}\n".encode())
    if frame.get_column("marked").null_count() < frame.height:
        update(pl.col("marked"), before=b"outcome ")
    return digest.hexdigest()


def _encoded(column: pl.Series) -> bytes:
    """Write the lengths of all texts, then the texts: no two columns are written alike."""
    if column.null_count() == len(column):
        return b"-\n"
    texts = column.to_physical().cast(pl.String)
    lengths = texts.str.len_bytes().cast(pl.String).fill_null("-")
    return f"{lengths.str.join(' ').item()}\n{texts.str.join().item()}\n".encode()


def _merged(*groups: Iterable[RejectedRow]) -> tuple[RejectedRow, ...]:
    return tuple(sorted(chain(*groups), key=attrgetter("line")))


def _rejected_rows(rows: pl.DataFrame, why: str | None = None) -> Iterator[RejectedRow]:
    """By the reason in the column `why`, or for this one."""
    day, reason = pl.col("date").cast(pl.String), pl.col("why") if why is None else pl.lit(why)
    both = pl.concat_str("manifest_start", day, separator=", ", ignore_nulls=True)
    shown = {
        "bad_id": _ID, "repeated_header": _ID, "conflicting_duplicate": _ID,
        "unreadable_time": _START, "non_existent_time": _START, "unreadable_date": day,
        "contradicting_start": both,
    }  # fmt: skip
    cell = pl.coalesce(pl.when(reason == one).then(text) for one, text in shown.items())
    readable = pl.when(_ID.str.contains(_READABLE_ID)).then(_ID)
    told = rows.select("line", reason.alias("why"), readable, cell.alias("cell"))
    for line, reason_told, readable_id, text in told.iter_rows():
        yield RejectedRow(line=line, reason=reason_told, appointment_id=readable_id, cell=text)

"""The tables of every ledger, written once: made anew, or brought here from an earlier version.

A table is a paragraph. Each column or index stands behind the version that brought it, with a type
that both databases know or a `Dialect` has its own for; what it holds stands after dashes. Steps
are run in one transaction, which writes the new version too.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from batchcancel.errors import InputError

VERSION = 3
"""What this program writes; it reads every version from 1 on."""

IN_DOUBT = "(state = 'open' OR outcome = 'skipped' AND opened_at IS NOT NULL)"
"""Asked for in these very words, so that a partial index is used."""

_SHARED = """
batches
1   batch_id {identity}
1   name {id} NOT NULL UNIQUE
1   origin TEXT NOT NULL
1   digest TEXT NOT NULL
1   rows INTEGER NOT NULL
1   rejected_rows INTEGER NOT NULL
1   duplicates INTEGER NOT NULL
1   enrolments INTEGER NOT NULL DEFAULT 1 -- how often its manifest was enrolled
2   kind TEXT NOT NULL DEFAULT 'cancel' -- cancel, restore
2   of_batch TEXT -- the batch that a restore undoes
2   notice_hours DOUBLE PRECISION -- the rules that were in force
2   timezone TEXT
2   sessions TEXT -- as JSON
2   notes TEXT
2   selection TEXT -- what find was asked for, as JSON
2   approval TEXT -- the token
2   approved_by TEXT
2   approved_at {instant}

runs
1   {number}
1   run_id {id} {unique}
1   batch {id} NOT NULL
1   started_at {instant} NOT NULL
1   ended_at {instant}
1   exit_code INTEGER
2   version TEXT -- of the program
2   "user" TEXT
2   host TEXT
2   pid {long}
2   options TEXT -- as JSON, without anything secret
2   counts TEXT -- of its rows at its end, as JSON
2   why TEXT -- it ended, where it ended early
2   INDEX of_batch (batch)

rows
1   batch_id {long} NOT NULL
1   appointment_id {id} NOT NULL
1   state TEXT NOT NULL DEFAULT 'waiting' -- waiting, open, settled
1   outcome TEXT
1   reason TEXT
1   attempts INTEGER NOT NULL DEFAULT 0
1   opened_at {instant}
1   settled_at {instant}
1   enrolment INTEGER NOT NULL -- the last enrolment that named this row
1   starts_at {instant} -- as the manifest says
1   learned_start {instant} -- as a look-up found
1   date {day}
1   session TEXT
1   branch_id TEXT
2   line {long} -- of the manifest
2   manifest_start TEXT -- the start as the manifest wrote it
2   start_known_by TEXT
2   previous_status TEXT
2   seen_updated_at {instant} -- of the record that proved the outcome
2   observed_at {instant}
2   observed_status TEXT
2   observed_date {day}
2   observed_session TEXT
2   observed_branch TEXT
2   observed_label TEXT
2   resolved_as TEXT
2   resolved_by TEXT
2   resolved_at {instant}
2   resolved_reason TEXT
2   resolved_status TEXT -- what was seen of it when it was resolved
2   resolved_date {day}
2   resolved_session TEXT
2   resolved_branch TEXT
1   KEY (batch_id, appointment_id)
2   {in_doubt}

rejected_rows
1   batch_id {long} NOT NULL
1   line {long} NOT NULL
1   reason TEXT NOT NULL
2   appointment_id TEXT -- where it could be read
1   INDEX of_batch (batch_id)

requests
{request}
1   run_id TEXT -- empty when a plan asked
1   key TEXT NOT NULL -- fingerprint of the API key
1   kind TEXT NOT NULL -- read, cancel
1   appointment_id {id}
1   attempt INTEGER
1   sent_at {instant} NOT NULL
1   answered_at {instant}
1   result TEXT -- a status, or a code such as time_out
1   INDEX of_key (key, sent_at)

pauses -- waits that are worth telling
2   run_id TEXT NOT NULL
2   began_at {instant} NOT NULL
2   ended_at {instant}
2   reason TEXT NOT NULL
2   INDEX of_run (run_id)

ledger -- which one this is, wherever it is copied or restored
3   id TEXT NOT NULL

looks -- what was found by looking, as JSON
2   kind TEXT NOT NULL
2   batch TEXT NOT NULL
2   looked_at {instant} NOT NULL
2   found TEXT NOT NULL
2   INDEX of_batch (batch, kind)
"""
# They were dated by a machine's clock, which may have been wrong: a day earlier is cautious.
_DOUBTS_OF_1 = "UPDATE rows SET opened_at = opened_at - {day_long};\n"
_IDENTITY = "INSERT INTO ledger VALUES ({random});\n"
ACCOUNT = """VIEW account AS
    SELECT name AS batch, coalesce(starts_at, learned_start) AS start, rows.*
    FROM batches JOIN rows USING (batch_id);
"""


class Dialect(NamedTuple):
    """What one database calls its types, the tables it alone has, what follows one with a KEY."""

    words: Mapping[str, str]
    own: str
    keyed: str = ""


class Line(NamedTuple):
    """A line of a table's paragraph: a column, its KEY or an INDEX."""

    since: int
    what: str
    about: str


def made(dialect: Dialect) -> str:
    """The statements that make all tables of this version."""
    tables = "".join(_made(*table, dialect.keyed) for table in _tables(dialect))
    return tables + _IDENTITY.format_map(dialect.words)


def steps(dialect: Dialect, version: int) -> str:
    """The statements that bring all tables from `version` to this one."""
    changed = "".join(_steps(*table, dialect.keyed, version) for table in _tables(dialect))
    doubts = _DOUBTS_OF_1.format_map(dialect.words) if version == 1 else ""
    return doubts + changed + _IDENTITY.format_map(dialect.words)


def comments(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Each table and column of which something is said, as TABLE or COLUMN with its name."""
    for table, lines in _tables(dialect):
        for line in lines:
            if line.about:
                yield f"COLUMN {table.what}.{line.what.partition(' ')[0]}", line.about
        if table.about:
            yield f"TABLE {table.what}", table.about


def require_known(version: int, *, name: str) -> None:
    """Refuse what a later program wrote: its tables may mean something else."""
    if version > VERSION:
        raise InputError(
            f"{name} was written by a newer batchcancel (ledger version {version}, "
            f"this program knows {VERSION})",
            hint="Upgrade batchcancel.",
        )


def _tables(dialect: Dialect) -> Iterator[tuple[Line, list[Line]]]:
    for paragraph in (_SHARED + dialect.own).format_map(dialect.words).strip().split("\n\n"):
        name, *rest = paragraph.splitlines()
        lines = [_line(*line.split(" ", 1)) for line in rest]
        yield _line("0", name), [line for line in lines if line.what]


def _line(since: str, text: str) -> Line:
    what, _, about = text.partition("--")
    return Line(int(since), what.strip(), about.strip())


def _made(table: Line, lines: list[Line], keyed: str) -> str:
    columns = [line.what for line in lines if not line.what.startswith(("KEY ", "INDEX "))]
    keys = [f"PRIMARY {line.what}" for line in lines if line.what.startswith("KEY ")]
    body = ",\n    ".join(columns + keys)
    sql = f"CREATE TABLE {table.what} (\n    {body}\n){keyed if keys else ''};\n"
    return sql + "".join(_index(table, line) for line in lines)


def _steps(table: Line, lines: list[Line], keyed: str, version: int) -> str:
    if all(line.since > version for line in lines):
        return _made(table, lines, keyed)
    return "".join(
        _index(table, line) or f"ALTER TABLE {table.what} ADD COLUMN {line.what};\n"
        for line in lines
        if line.since > version
    )


def _index(table: Line, line: Line) -> str:
    if not line.what.startswith("INDEX "):
        return ""
    _, name, indexed = line.what.split(" ", 2)
    return f"CREATE INDEX {table.what}_{name} ON {table.what} {indexed};\n"

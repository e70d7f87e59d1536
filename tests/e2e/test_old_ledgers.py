"""Runs that version 0.1 began are told of, exported and gone on with, however they had ended."""

import json
import shutil
import sqlite3
import stat
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from batchcancel.ledger.open import read_ledger
from tests.sample import sampled

OLD = Path(__file__).parents[1] / "ledger" / "version_1"
DAY = date(2099, 1, 15)
BEFORE, AFTER = (datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in (8, 10))


@dataclass(frozen=True)
class Left:
    """What is to be done about what a run left: rows to read back, rows to send, and the end."""

    code: int
    counts: dict[str, int]
    sent: str = ""
    read: str = ""
    applied: str = ""
    rows: int = 0
    options: tuple[str, ...] = field(default=())


MANY = {"already_cancelled": 1, "rejected_rows": 2, "not_found": 1, "refused": 1}
MANY |= {"needs_review": 1, "already_started": 1, "completed": 1}
LEFT = {
    "done": Left(0, {"cancelled": 3}, rows=3),
    "incomplete": Left(
        4,
        {"cancelled": 4} | MANY,
        sent="i_gaveup",
        read="i_completed i_gaveup i_started",
        rows=12,
        options=("--allow-rejected-rows",),
    ),
    "stopped": Left(0, {"cancelled": 5}, sent="s02 s03 s04 s05", read="s02 s03", rows=5),
    "interrupted": Left(0, {"cancelled": 4}, sent="i53 i54", read="i53 i54", rows=4),
    "killed": Left(0, {"cancelled": 5}, sent="k04 k05", read="k03 k04 k05", applied="k03", rows=5),
    "fatal": Left(0, {"cancelled": 3}, sent="f01 f02 f03", read="f01", rows=3),
    "refused": Left(0, {"cancelled": 3}, sent="r31 r32 r33", rows=3),
    "several": Left(4, {"cancelled": 3, "refused": 2}, rows=5),
    "other": Left(0, {"cancelled": 2}, rows=2),
}


@pytest.fixture(params=sampled([*LEFT], every=4))
def name(request):
    return request.param


@pytest.fixture
def scene(stage, name):
    """The clinic as it was left: nobody has touched it since the runs of version 0.1."""
    shutil.copy(OLD / f"{name}.csv", stage.folder)
    now = datetime.now(UTC)
    stage.sandbox.skew(BEFORE - now)
    manifest = (OLD / f"{name}.csv").read_text().splitlines()[1:]
    for one, starts_at, *_ in (line.split(",") for line in manifest):
        day = date.fromisoformat(starts_at[:10]) if starts_at else DAY
        status = "completed" if one == "i_completed" else "confirmed"
        stage.sandbox.add(one, date=day, status=status)
    stage.sandbox.skew(AFTER - now)
    for one in LEFT[name].applied.split():
        stage.sandbox.staff.cancel(one)
    stage.sandbox.skew(now - now)
    return stage


@pytest.fixture
def file(scene, name):
    """The ledger's files as they were left, but for its origin: the stage has a port of its own."""
    source = "several" if name == "other" else name
    made, ledger = scene.folder.parent / "made.db", scene.folder / f"{source}.ledger.db"
    shutil.copy(OLD / f"{source}.v1.db", made)
    if (log := OLD / f"{source}.v1.db-wal").exists():
        shutil.copy(log, f"{made}-wal")
    with closing(sqlite3.connect(made, isolation_level=None)) as db:
        db.execute("UPDATE batches SET origin = ?", (origin_of(scene),))
        shutil.copy(made, ledger)
        if log.exists():
            shutil.copy(f"{made}-wal", f"{ledger}-wal")
    return ledger.name


@pytest.fixture
def url(scene, database, postgres):
    postgres.execute((OLD / "postgres.v1.sql").read_text(), url=database)
    postgres.execute("UPDATE batchcancel.batches SET origin = %s", origin_of(scene), url=database)
    return database


def origin_of(stage):
    return stage.url.removesuffix("/v1")


def is_told_as_it_was(stage, ledger, name):
    """Status and export answer, and agree; the batch of a refused run does not exist yet."""
    status = stage.here("status", ledger, "--batch", name, "--json")
    export = stage.here("export", ledger, "--batch", name, "-o", "rows.json", "--force")
    page = stage.here("report", ledger, "--batch", name, "-o", "page.html", "--force")
    if name == "refused":
        assert (2, 2, 2) == (status.returncode, export.returncode, page.returncode)
        return
    assert (0, 0, 0) == (status.returncode, export.returncode, page.returncode)
    rows = json.loads((stage.folder / "rows.json").read_text())
    told, exported = json.loads(status.stdout), Counter(row["outcome"] for row in rows)
    assert LEFT[name].rows == len(rows) == told["rows"]
    assert exported["rejected_row"] == told["rejected_rows"]
    assert exported["cancelled"] == told["cancelled"]
    assert exported["refused"] == told["refused"]


def goes_on(stage, ledger, name):
    left = LEFT[name]
    words = ("run", f"{name}.csv", "--yes", "--json", "--ledger", ledger, *left.options)
    resumed = stage.here(*words)

    assert (left.code, left.counts) == (resumed.returncode, resumed.counts)
    assert left.sent.split() == sorted(stage.patched())
    assert set(left.read.split()) == stage.read_back()
    again = stage.here(*words)
    assert (left.code, left.counts) == (again.returncode, again.counts)
    assert len(left.sent.split()) == len(stage.patched())


@pytest.mark.promise(2)
@pytest.mark.promise(12)
def test_a_file_of_version_1_is_told_of_then_gone_on_with_after_a_backup(scene, file, name):
    is_told_as_it_was(scene, file, name)
    before = sorted(path.name for path in scene.folder.glob("*.bak*"))
    goes_on(scene, file, name)

    backup = scene.folder / f"{file}.v1.bak"
    assert [] == before
    assert 0o600 == stat.S_IMODE(backup.stat().st_mode)
    with closing(sqlite3.connect(backup)) as db:
        assert (1,) == db.execute("PRAGMA user_version").fetchone()


@pytest.mark.promise(2)
@pytest.mark.promise(12)
def test_a_database_of_version_1_is_told_of_then_gone_on_with(scene, url, name):
    is_told_as_it_was(scene, url, name)
    goes_on(scene, url, name)

    with closing(read_ledger(url)) as ledger:
        assert LEFT["done"].rows == len(list(ledger.rows("done")))

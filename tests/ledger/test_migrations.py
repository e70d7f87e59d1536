"""What earlier versions left is read as it is, and migrated when it is to be written."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from batchcancel.errors import InputError
from batchcancel.ledger import tables
from batchcancel.ledger.postgres.ledger import open_postgres, read_postgres
from batchcancel.ledger.sqlite import connection
from batchcancel.ledger.sqlite.ledger import open_sqlite, read_sqlite
from batchcancel.ledger.sqlite.schema import DIALECT
from tests.postgres import PASSWORD

OLD = Path(__file__).parent / "version_1"
NAMES = ["done", "incomplete", "stopped", "interrupted", "killed", "fatal", "refused", "several"]
WHO = {"origin": "http://127.0.0.1:8099", "key": "key-fingerprint"}
ROOT = Path(__file__).parents[2]
TWICE = "\nrows\n2   twice TEXT\n"
"""A table that is there already: making it fails in the middle of a migration."""


WITHOUT_3 = """
    DROP TABLE ledger;
    ALTER TABLE leases DROP COLUMN lost_since;
    ALTER TABLE leases DROP COLUMN commits;
"""
"""What version 3 brought, taken away."""


def copied(name, folder):
    path = Path(shutil.copy(OLD / f"{name}.v1.db", folder / f"{name}.ledger.db"))
    if (log := OLD / f"{name}.v1.db-wal").exists():
        shutil.copy(log, folder / f"{path.name}-wal")
    return path


@pytest.fixture(params=NAMES)
def old(request, tmp_path):
    return copied(request.param, tmp_path)


@pytest.fixture
def killed(tmp_path):
    return copied("killed", tmp_path)


@pytest.fixture
def old_database(database, postgres):
    postgres.execute((OLD / "postgres.v1.sql").read_text(), url=database)
    return database


def everything(reader):
    """All that can be asked, with the rows and the window of the key that version 0.1 used."""
    key, since = "15b6b668134d654c", first_start(reader)
    batches = reader.batches()
    names = [batch.name for batch in batches] or ["refused"]
    questions = (reader.runs, reader.tally, reader.settled_ids, partial(undated, reader))
    answers = {name: [sorted(ask(name), key=repr) for ask in questions] for name in names}
    return batches, answers, reader.requests_since(key, since)


def undated(reader, name):
    """Its rows, without the doubts' dates, which a migration makes earlier."""
    return [one._replace(opened_at=None) for one in [*reader.rows(name), *reader.open_rows(name)]]


def first_start(reader):
    runs = [run for name in [*NAMES, "other"] for run in reader.runs(name)]
    return min(run.started_at for run in runs)


def told(opened):
    with closing(opened) as reader:
        return everything(reader)


def version_of(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def dump(path):
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def schema(path):
    """Every table with its columns as they are declared, every index and every view."""
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT type, name FROM sqlite_schema ORDER BY name").fetchall()
        tables = {
            name: (
                db.execute(f"SELECT * FROM pragma_table_xinfo('{name}')").fetchall(),
                sorted(
                    (one[1], *one[2:], *db.execute(f"PRAGMA index_xinfo('{one[1]}')").fetchall())
                    for one in db.execute(f"PRAGMA index_list('{name}')")
                ),
                db.execute("SELECT wr FROM pragma_table_list WHERE name = ?", (name,)).fetchall(),
            )
            for _, name in found
        }
        return found, tables


class TestSqlite:
    def test_reading_leaves_it_as_it_is(self, old):
        before = old.read_bytes()
        told(read_sqlite(old))
        assert (before, []) == (old.read_bytes(), list(old.parent.glob("*.bak*")))

    def test_what_is_told_of_it_stays_the_same_when_it_is_migrated(self, old):
        before = told(read_sqlite(old))
        with closing(open_sqlite(old, **WHO)) as ledger:
            assert before == everything(ledger)
        assert tables.VERSION == version_of(old)
        assert before == told(read_sqlite(old))

    def test_its_doubts_begin_a_day_earlier_for_its_clock_may_have_been_wrong(self, killed):
        with closing(read_sqlite(killed)) as ledger:
            before = ledger.open_rows("killed")
        with closing(open_sqlite(killed, **WHO)) as ledger:
            assert before
            assert [one.opened_at - timedelta(days=1) for one in before] == [
                one.opened_at for one in ledger.open_rows("killed")
            ]

    def test_what_it_cancelled_is_told_without_what_it_does_not_know(self, tmp_path):
        done = copied("done", tmp_path)
        with closing(read_sqlite(done)) as ledger:
            rows = list(ledger.cancelled_rows("done"))
        assert {(None, None, None)} == {
            (one.label, one.updated_at, one.previous_status) for one in rows
        }

    def test_its_backup_is_private_whole_and_of_the_version_before(self, old):
        before = told(read_sqlite(old))
        open_sqlite(old, **WHO).close()
        backup = old.with_name(f"{old.name}.v1.bak")
        assert (0o600, 1) == (stat.S_IMODE(backup.stat().st_mode), version_of(backup))
        assert before == told(read_sqlite(backup))
        assert {old.name, backup.name} == {one.name for one in old.parent.iterdir()}

    def test_a_migrated_one_has_the_very_schema_of_a_new_one(self, old, tmp_path):
        open_sqlite(old, **WHO).close()
        new = tmp_path / "new.ledger.db"
        open_sqlite(new, **WHO).close()
        assert schema(new) == schema(old)

    def test_one_of_version_2_is_read_and_brought_to_this_one_too(self, old, tmp_path):
        new = tmp_path / "new.ledger.db"
        for path in old, new:
            open_sqlite(path, **WHO).close()
        before = told(read_sqlite(old))
        with closing(sqlite3.connect(old)) as db:
            db.executescript(f"{WITHOUT_3} PRAGMA user_version = 2;")
        assert before == told(read_sqlite(old))
        with closing(open_sqlite(old, **WHO)) as ledger:
            assert before == everything(ledger)
        assert (schema(new), tables.VERSION) == (schema(old), version_of(old))

    def test_a_new_one_needs_no_backup(self, tmp_path):
        for _ in range(2):
            open_sqlite(tmp_path / "new.ledger.db", **WHO).close()
        assert ["new.ledger.db"] == [one.name for one in tmp_path.iterdir()]

    def test_a_migration_that_fails_leaves_it_as_it_was(self, old, monkeypatch):
        before = dump(old)
        monkeypatch.setattr(tables, "_SHARED", f"{tables._SHARED}{TWICE}")
        with pytest.raises(InputError):
            open_sqlite(old, **WHO)
        assert (before, 1) == (dump(old), version_of(old))

    def test_without_a_backup_there_is_no_migration(self, old, monkeypatch):
        def full(_path):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(connection, "_create_private", full)
        before = dump(old)
        with pytest.raises(InputError, match=r"earlier version.*No space left") as refusal:
            open_sqlite(old, **WHO)
        assert refusal.value.hint
        assert (before, 1) == (dump(old), version_of(old))

    def test_one_that_cannot_be_written_is_read_and_not_written(self, tmp_path):
        old = copied("several", tmp_path)
        expected = told(read_sqlite(old))
        is_root = os.geteuid() == 0
        old.chmod(0o444)
        tmp_path.chmod(0o555)
        for parent in tmp_path.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o111)
        if is_root:
            os.seteuid(65534)
        try:
            assert expected == told(read_sqlite(old))
            with pytest.raises(InputError):
                open_sqlite(old, **WHO)
        finally:
            if is_root:
                os.seteuid(0)
            tmp_path.chmod(0o755)
        assert [old.name] == [one.name for one in tmp_path.iterdir()]

    def test_a_backup_that_was_cut_off_is_made_anew(self, killed):
        before = told(read_sqlite(killed))
        unfinished = killed.with_name(f"{killed.name}.v1.bak-new")
        unfinished.write_text("half of it")
        open_sqlite(killed, **WHO).close()
        assert not unfinished.exists()
        assert before == told(read_sqlite(killed.with_name(f"{killed.name}.v1.bak")))


DIES = """
import os
import signal
import sqlite3
import sys
from pathlib import Path

from batchcancel.ledger.sqlite.ledger import open_sqlite

at = int(sys.argv[2])
count = 0

def step(*_):
    global count
    count += 1
    if count > at:
        os.kill(os.getpid(), signal.SIGKILL)

class Db(sqlite3.Connection):
    def executescript(self, script):
        for one in script.split(";"):
            if one.strip():
                step()
                self.execute(one)
        step()

connect = sqlite3.connect
sqlite3.connect = lambda *words, **more: connect(*words, factory=Db, **more)
open_sqlite(Path(sys.argv[1]), origin="http://127.0.0.1:8099", key="k").close()
"""
"""Opens a ledger, and is killed when so many statements of its migration were executed."""
STATEMENTS = tables.steps(DIALECT, 1).count(";") + 3
"""Those of the steps, the version's, and those that begin and end the transaction."""


@pytest.mark.promise(12)
@pytest.mark.parametrize("at", [0, 1, 2, 11, STATEMENTS - 2, STATEMENTS - 1, STATEMENTS])
def test_killed_in_the_middle_a_ledger_is_of_one_version_or_the_other(killed, at):
    before = told(read_sqlite(killed))
    command = [sys.executable, "-c", DIES, str(killed), str(at)]
    assert -9 == subprocess.run(command, cwd=ROOT, check=False).returncode
    with closing(sqlite3.connect(f"file:{killed}?mode=ro", uri=True)) as db:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        columns = {one[1] for one in db.execute("PRAGMA table_info(rows)")}

    assert (tables.VERSION if at == STATEMENTS else 1) == found
    assert (found > 1) == ("resolved_reason" in columns)
    assert before == told(read_sqlite(killed))
    with closing(open_sqlite(killed, **WHO)) as ledger:
        assert before == everything(ledger)


CATALOGUE = """
    SELECT 'column', table_name, column_name, ordinal_position::int, data_type, is_nullable,
           column_default, collation_name, is_identity,
           col_description(format('batchcancel.%I', table_name)::regclass, ordinal_position::int)
    FROM information_schema.columns WHERE table_schema = 'batchcancel'
    UNION ALL
    SELECT 'relation', relname, relkind::text, NULL, pg_get_viewdef(c.oid), NULL,
           obj_description(c.oid), NULL, NULL, NULL
    FROM pg_class c WHERE relnamespace = 'batchcancel'::regnamespace
      AND relkind IN ('r', 'v', 'S')
    UNION ALL
    SELECT 'index', indexname, indexdef, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM pg_indexes WHERE schemaname = 'batchcancel'
    ORDER BY 1, 2, 3, 4
"""


class TestPostgres:
    def test_reading_leaves_it_as_it_is(self, old_database, postgres):
        told(read_postgres(old_database))
        assert [(1,)] == postgres.execute(
            "SELECT version FROM batchcancel.version", url=old_database
        )

    def test_what_is_told_of_it_stays_the_same_when_it_is_migrated(self, old_database, postgres):
        before = told(read_postgres(old_database))
        with closing(open_postgres(old_database, **WHO)) as ledger:
            assert before == everything(ledger)
        assert tables.VERSION == database_version(postgres, old_database)
        assert before == told(read_postgres(old_database))

    def test_a_migrated_one_has_the_very_catalogue_of_a_new_one(self, old_database, postgres):
        open_postgres(old_database, **WHO).close()
        new = postgres.database()
        open_postgres(new, **WHO).close()
        found = [postgres.execute(CATALOGUE, url=url) for url in (new, old_database)]
        assert found[0] == found[1]

    def test_one_of_version_2_is_read_and_brought_to_this_one_too(self, old_database, postgres):
        open_postgres(old_database, **WHO).close()
        before = told(read_postgres(old_database))
        columns = "SELECT table_name, column_name FROM information_schema.columns ORDER BY 1, 2"
        found = postgres.execute(columns, url=old_database)
        postgres.execute(
            "DROP TABLE batchcancel.ledger, batchcancel.waiting;"
            "ALTER TABLE batchcancel.leases DROP lost_since, DROP server, DROP written_by;"
            "UPDATE batchcancel.version SET version = 2",
            url=old_database,
        )
        assert before == told(read_postgres(old_database))
        with closing(open_postgres(old_database, **WHO)) as ledger:
            assert before == everything(ledger)
        assert found == postgres.execute(columns, url=old_database)

    def test_a_migration_that_fails_leaves_it_as_it_was(self, old_database, postgres, monkeypatch):
        before = postgres.execute(CATALOGUE, url=old_database)
        monkeypatch.setattr(tables, "_SHARED", f"{tables._SHARED}{TWICE}")
        with pytest.raises(InputError):
            open_postgres(old_database, **WHO)
        assert before == postgres.execute(CATALOGUE, url=old_database)
        assert [(1,)] == postgres.execute(
            "SELECT version FROM batchcancel.version", url=old_database
        )

    def test_a_user_without_rights_reads_it_and_is_told_who_can_migrate_it(
        self, old_database, postgres
    ):
        expected = told(read_postgres(old_database))
        url = granted(postgres, old_database)
        assert expected == told(read_postgres(url))
        with pytest.raises(InputError, match="version 1, and this user may not") as refusal:
            open_postgres(url, **WHO)
        assert "owns its tables" in refusal.value.hint

    def test_who_could_use_the_tables_before_can_use_the_new_ones(self, old_database, postgres):
        url = granted(postgres, old_database)
        open_postgres(old_database, **WHO).close()
        assert told(read_postgres(old_database)) == told(read_postgres(url))
        postgres.execute("INSERT INTO batchcancel.pauses VALUES ('r', now(), NULL, '429')", url=url)

    def test_a_standby_is_read_and_not_written(self, old_database, postgres):
        expected = told(read_postgres(old_database))
        name = old_database.split("@/")[1].split("?")[0]
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        assert expected == told(read_postgres(old_database))
        with pytest.raises(InputError, match="is read-only"):
            open_postgres(old_database, **WHO)


def database_version(postgres, url):
    ((version,),) = postgres.execute("SELECT version FROM batchcancel.version", url=url)
    return version


def granted(postgres, url):
    for what in (
        "USAGE ON SCHEMA batchcancel",
        "USAGE ON SEQUENCE batchcancel.tokens",
        "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA batchcancel",
    ):
        postgres.execute(f"GRANT {what} TO clinic", url=url)
    name = url.split("@/")[1].split("?")[0]
    return postgres.url(name, user="clinic", password=PASSWORD)

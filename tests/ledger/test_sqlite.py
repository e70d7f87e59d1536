"""What is SQLite's own: files, their modes, what is refused, and what survives a crash."""

import os
import shutil
import sqlite3
import stat
import tempfile
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchcancel.errors import BatchHeld, InputError, LedgerWriteFailed, StoppedEarly
from batchcancel.ledger.contract import Asked, Look, OpenRow
from batchcancel.ledger.sqlite import connection
from batchcancel.ledger.sqlite.ledger import memory_sqlite, open_sqlite, read_sqlite
from tests.ledger.conftest import WHO

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@pytest.fixture
def ledger(path):
    with closing(open_sqlite(path, **WHO)) as ledger:
        yield ledger


@pytest.fixture
def begun(ledger, example):
    return example.begin(ledger)


@pytest.fixture
def closed(path, example):
    """A ledger with one open row, left by a run that ended well."""
    with closing(open_sqlite(path, **WHO)) as ledger:
        example.begin(ledger).commit([example.intent("a")])
    return path


@pytest.fixture
def read_only_folder():
    """A folder in which this process may only read: root, whom no mode stops, becomes nobody."""
    folder = Path(tempfile.mkdtemp())
    user = os.geteuid()
    yield folder
    os.seteuid(user)
    folder.chmod(0o700)
    shutil.rmtree(folder)


def make_read_only(folder, mode=0o555):
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(mode)
    if os.geteuid() == 0:
        os.seteuid(65534)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


class TestFiles:
    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
    def test_all_files_are_private_whatever_the_umask(self, path, example, umask):
        before = os.umask(umask)
        try:
            with closing(open_sqlite(path, **WHO)) as ledger:
                example.begin(ledger)
                modes = {
                    file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()
                }
        finally:
            os.umask(before)
        ending = ["", "-lock", "-shm", "-wal"]
        assert modes == {f"{path.name}{one}": 0o600 for one in ending}

    def test_a_closed_ledger_is_one_file(self, closed):
        assert names(closed.parent) == [closed.name]

    def test_reading_a_closed_ledger_leaves_no_files(self, closed):
        with closing(read_sqlite(closed)) as reader:
            assert reader.open_rows("closure") == [
                OpenRow("a", 1, NOON.replace(microsecond=123456))
            ]
            assert names(closed.parent) == [closed.name]
        assert names(closed.parent) == [closed.name]

    def test_closing_beside_a_reader_loses_nothing(self, begun, path, example):
        with closing(read_sqlite(path)) as reader:
            rows = iter(reader.rows("closure"))
            next(rows)
            begun.commit([example.intent("a")])
            begun.close()
            assert len(list(rows)) == 2
            assert [row.appointment_id for row in reader.open_rows("closure")] == ["a"]
        with closing(open_sqlite(path, **WHO)) as again:
            assert [row.appointment_id for row in again.open_rows("closure")] == ["a"]
        assert names(path.parent) == [path.name]

    def test_a_new_ledger_has_its_name_with_its_tables_and_not_before(self, path, monkeypatch):
        def killed(_db):
            raise KeyboardInterrupt

        monkeypatch.setattr(connection, "create", killed)
        with pytest.raises(KeyboardInterrupt):
            open_sqlite(path, **WHO)
        assert names(path.parent) == []

    def test_what_a_kill_left_of_a_new_ledger_is_in_nobodys_way(self, path):
        path.with_name(f"{path.name}-new").write_text("half of it")
        open_sqlite(path, **WHO).close()
        assert names(path.parent) == [path.name]

    def test_every_commit_is_flushed_to_the_disk(self, ledger):
        (synchronous,) = ledger._db.execute("PRAGMA synchronous").fetchone()
        (journal,) = ledger._db.execute("PRAGMA journal_mode").fetchone()
        assert (synchronous, journal) == (2, "wal")

    def test_the_runs_of_a_batch_are_found_by_an_index(self, ledger):
        sql = "EXPLAIN QUERY PLAN SELECT run_id FROM runs WHERE batch = 'closure'"
        assert "USING INDEX runs_of_batch" in str(ledger._db.execute(sql).fetchall())

    def test_commits_may_come_from_any_thread(self, begun, example):
        thread = threading.Thread(target=begun.commit, args=([example.intent("a")],))
        thread.start()
        thread.join()
        assert [row.appointment_id for row in begun.open_rows("closure")] == ["a"]

    def test_a_ledger_in_memory_leaves_no_files(self, tmp_path, monkeypatch, example):
        monkeypatch.chdir(tmp_path)
        with closing(memory_sqlite(**WHO)) as ledger:
            example.begin(ledger).commit([example.intent("a")])
            assert [row.appointment_id for row in ledger.open_rows("closure")] == ["a"]
        assert names(tmp_path) == []


class TestLock:
    def test_a_ledger_in_use_is_refused_with_the_name_of_its_run(self, begun, path):
        with pytest.raises(BatchHeld) as refusal:
            open_sqlite(path, **WHO)
        since = "2026-11-03T12:00:00+00:00"
        holder = f"pid {os.getpid()}, run run-1 of batch closure since {since}"
        assert refusal.value.message.endswith(holder)

    def test_before_a_run_has_begun_the_process_is_named(self, ledger, path):
        with pytest.raises(BatchHeld, match=f"pid {os.getpid()}$"):
            open_sqlite(path, **WHO)

    def test_another_name_for_the_file_is_the_same_lock(self, ledger, path):
        link = path.with_name("link.db")
        link.symlink_to(path)
        with pytest.raises(BatchHeld):
            open_sqlite(link, **WHO)

    def test_a_refused_ledger_is_unlocked_again(self, path):
        path.write_text("appointment_id\n" * 100)
        for _ in range(2):
            with pytest.raises(InputError):
                open_sqlite(path, **WHO)
        assert names(path.parent) == [path.name]

    def test_a_lock_file_left_by_a_crash_locks_nobody_out(self, path):
        path.with_name(f"{path.name}-lock").write_text("pid 1, run old\n")
        open_sqlite(path, **WHO).close()


class TestRefusals:
    """Each is an InputError with one sentence and what to do about it."""

    def refused(self, path, match):
        for opened in (lambda: open_sqlite(path, **WHO), lambda: read_sqlite(path)):
            with pytest.raises(InputError, match=match) as refusal:
                opened()
            assert refusal.value.hint

    def test_a_file_that_is_not_sqlite(self, path):
        path.write_text("appointment_id\n" * 100)
        self.refused(path, "is not a SQLite database")

    def test_a_database_of_something_else_is_left_as_it_was(self, path):
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE contacts (name)")
        before = path.read_bytes()
        self.refused(path, "is not a ledger of batchcancel")
        assert path.read_bytes() == before

    @pytest.mark.parametrize("content", [b"", b"appointment_id\n" * 100])
    def test_only_who_writes_is_told_of_another_file(self, path, content):
        path.write_bytes(content)
        for opened, is_told in (
            (lambda: open_sqlite(path, **WHO), True),
            (lambda: read_sqlite(path), False),
        ):
            with pytest.raises(InputError) as refusal:
                opened()
            assert is_told is ("--ledger" in refusal.value.hint)

    def test_a_ledger_of_a_newer_program(self, closed):
        with closing(sqlite3.connect(closed)) as newer:
            newer.execute("PRAGMA user_version = 99")
        self.refused(closed, "newer batchcancel")

    def test_an_empty_file_is_left_as_it_is(self, path):
        path.touch()
        self.refused(path, "is empty, so it is no ledger")
        assert (b"", [path.name]) == (path.read_bytes(), names(path.parent))

    @pytest.mark.parametrize(
        ("place", "match"),
        [
            (".", "is a folder"),
            ("nowhere/closure.ledger.db", "there is no folder"),
            ("/proc/self/closure.ledger.db", "cannot hold a ledger"),
        ],
    )
    def test_a_folder_one_that_is_not_there_and_one_of_the_kernel(self, tmp_path, place, match):
        with pytest.raises(InputError, match=match):
            open_sqlite(tmp_path / place, **WHO)

    def test_a_ledger_that_is_not_there_cannot_be_read(self, path):
        with pytest.raises(InputError, match="there is no ledger"):
            read_sqlite(path)
        assert names(path.parent) == []

    def test_a_damaged_ledger(self, path, example):
        with closing(open_sqlite(path, **WHO)) as ledger:
            rows = [example.row(f"apt_{n}") for n in range(5_000)]
            ledger.enrol(example.batch(), rows, [])
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(b"\xff" * 20_000)
        with pytest.raises(InputError, match="is damaged"):
            open_sqlite(path, **WHO)
        with closing(read_sqlite(path)) as reader, pytest.raises(InputError, match="is damaged"):
            list(reader.rows("closure"))

    @pytest.mark.parametrize("told", ["{", "x" * 40])
    def test_a_record_that_this_program_never_wrote(self, path, example, told):
        with closing(open_sqlite(path, **WHO)) as ledger:
            ledger.enrol(example.batch(), [example.row("a")], [])
            ledger.note("closure", Look("drift", datetime(2026, 6, 1, tzinfo=UTC), {}))
        with closing(sqlite3.connect(path)) as changed, changed:
            changed.execute("UPDATE looks SET found = ?", (told,))
        with closing(read_sqlite(path)) as reader, pytest.raises(InputError, match="is damaged"):
            reader.looks("closure")

    def test_a_ledger_that_lost_its_end(self, closed):
        os.truncate(closed, closed.stat().st_size - 8192)
        with pytest.raises(InputError, match="is damaged"):
            open_sqlite(closed, **WHO)

    def test_a_folder_that_cannot_be_written(self, read_only_folder):
        make_read_only(read_only_folder)
        with pytest.raises(InputError, match="cannot hold a ledger: Permission denied"):
            open_sqlite(read_only_folder / "closure.ledger.db", **WHO)

    def test_a_file_that_cannot_be_written(self, closed, read_only_folder):
        copy = Path(shutil.copy(closed, read_only_folder / "copy.db"))
        make_read_only(read_only_folder, 0o777)
        with pytest.raises(InputError, match="is read-only"):
            open_sqlite(copy, **WHO)

    def test_a_ledger_that_is_being_read_by_another_program(self, closed, monkeypatch, example):
        monkeypatch.setattr(connection, "_PATIENCE_S", 0.05)
        with closing(read_sqlite(closed)) as reader:
            rows = iter(reader.rows("closure"))
            next(rows)
            with pytest.raises(InputError, match="is in use by another program"):
                open_sqlite(closed, **WHO)
            list(rows)


class TestReadOnlyCopies:
    @pytest.mark.parametrize("was_closed_well", [True, False])
    def test_a_copy_can_be_read_where_nothing_can_be_written(
        self, closed, read_only_folder, was_closed_well
    ):
        copy = shutil.copy(closed, read_only_folder / "copy.db")
        with closing(sqlite3.connect(copy)) as db:
            db.execute(f"PRAGMA journal_mode = {'DELETE' if was_closed_well else 'WAL'}")
        assert names(read_only_folder) == ["copy.db"]
        make_read_only(read_only_folder)
        with closing(read_sqlite(copy)) as reader:
            assert [row.appointment_id for row in reader.open_rows("closure")] == ["a"]

    def test_one_that_needs_recovery_is_refused_rather_than_read_wrongly(
        self, begun, path, read_only_folder
    ):
        shutil.copy(path, read_only_folder / "copy.db")
        shutil.copy(f"{path}-wal", read_only_folder / "copy.db-wal")
        make_read_only(read_only_folder)
        with pytest.raises(InputError, match="cannot be opened") as refusal:
            read_sqlite(read_only_folder / "copy.db")
        assert "-wal" in refusal.value.hint


class TestFullDisk:
    def asked(self, numbers):
        return [Asked(request=n, appointment_id="x" * 60, at=NOON) for n in numbers]

    def fill(self, ledger):
        """Commit groups of 50 until the disk is full; tell how many went in."""
        (pages,) = ledger._db.execute("PRAGMA page_count").fetchone()
        ledger._db.execute(f"PRAGMA max_page_count = {pages + 20}")
        for group in range(1_000):
            try:
                ledger.commit(self.asked(range(group * 50 + 1, group * 50 + 51)))
            except LedgerWriteFailed as error:
                return group, error
        pytest.fail("the disk was never full")

    def test_it_says_so_and_keeps_all_before_and_with_space_again_the_ledger_goes_on(
        self, begun, path
    ):
        groups, error = self.fill(begun)
        assert error.message.endswith(f"{path} has no room left on its disk")
        assert "Free some space" in error.hint
        assert groups > 0
        assert len(begun.requests_since(WHO["key"], NOON)) == groups * 50
        begun._db.execute("PRAGMA max_page_count = 1000000")
        begun.commit(self.asked(range(groups * 50 + 1, groups * 50 + 51)))
        assert len(begun.requests_since(WHO["key"], NOON)) == (groups + 1) * 50

    def test_an_enrolment_that_does_not_fit_leaves_nothing(self, ledger, example):
        (pages,) = ledger._db.execute("PRAGMA page_count").fetchone()
        ledger._db.execute(f"PRAGMA max_page_count = {pages + 20}")
        rows = (example.row(f"apt_{n}") for n in range(10_000))
        with pytest.raises(LedgerWriteFailed):
            ledger.enrol(example.batch(), rows, [])
        assert ledger.batches() == []


def test_a_write_into_a_read_only_database_fails_as_a_ledger_write(begun, example):
    begun._db.execute("PRAGMA query_only = ON")
    with pytest.raises(LedgerWriteFailed, match="is read-only"):
        begun.commit([example.intent("a")])


def test_during_a_run_a_ledger_that_cannot_be_read_stops_it_resumably(begun):
    begun._db.execute("DROP VIEW account")
    with pytest.raises(StoppedEarly):
        begun.tally("closure")

"""One holder at a time, also when locks come and go."""

import os
import stat

import pytest

from batchcancel.errors import BatchHeld, UnsafeLedger
from batchcancel.ledger.sqlite import place
from batchcancel.ledger.sqlite.place import FileLock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "closure.ledger.db-lock"


def test_a_released_lock_leaves_no_file(path):
    FileLock(path).release()
    assert not path.exists()


def test_releasing_twice_is_harmless(path):
    held = FileLock(path)
    held.release()
    other = FileLock(path)
    held.release()
    with pytest.raises(BatchHeld):
        FileLock(path)
    other.release()


def test_the_holder_is_told_to_the_next_one(path):
    held = FileLock(path)
    held.sign("a rather long name of the first run")
    held.sign("run 2")
    with pytest.raises(BatchHeld, match=f": pid {os.getpid()}, run 2$"):
        FileLock(path)
    held.release()


def test_a_pipe_is_no_lock(path):
    os.mkfifo(path)
    with pytest.raises(UnsafeLedger, match="not a plain file"):
        FileLock(path)


def test_a_hard_link_is_no_lock_and_what_it_leads_to_stays_as_it_was(path):
    other = path.with_name("letter.txt")
    other.write_text("Dear Mrs Rao\n")
    other.chmod(0o644)
    os.link(other, path)
    with pytest.raises(UnsafeLedger, match="hard link"):
        FileLock(path)
    assert ("Dear Mrs Rao\n", 0o644) == (other.read_text(), stat.S_IMODE(other.stat().st_mode))


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(path, monkeypatch):
    opened = place._opened

    def overtaken(path):
        monkeypatch.setattr(place, "_opened", opened)
        descriptor = opened(path)
        path.unlink()
        return descriptor

    monkeypatch.setattr(place, "_opened", overtaken)
    held = FileLock(path)
    with pytest.raises(BatchHeld):
        FileLock(path)
    held.release()

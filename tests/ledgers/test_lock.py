"""One holder at a time, also when locks come and go."""

import os

import pytest

from batchcancel.errors import BatchHeld
from batchcancel.ledgers import place
from batchcancel.ledgers.place import FileLock


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

"""A file that is replaced is there whole or not at all."""

import os
import resource
import signal
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from batchcancel.errors import InputError
from batchcancel.report.atomic import output_of, refuse_manifest, replacing, require_new


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(b"old")
    return path


@contextmanager
def small_disk():
    """No file may grow beyond a few bytes: the report of the tests, where it is a file, neither."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_until_the_end_the_old_file_is_there(path):
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_after_an_error_the_old_file_is_there_and_nothing_else(path):
    with pytest.raises(TypeError), replacing(path) as file:
        file.writelines([b"new", "text"])
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_on_a_full_disk_the_old_file_stays(path):
    with (
        small_disk(),
        pytest.raises(InputError, match="cannot be written"),
        replacing(path) as file,
    ):
        file.write(b"x" * 1_000)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_and_of_one_that_lives_nothing(path):
    if not os.fork():  # killed in the middle
        writing = replacing(path)
        writing.__enter__()
        os._exit(0)
    os.wait()
    [left] = {*path.parent.iterdir()} - {path}
    os.mkfifo(path.parent / ".batchcancel-pipepipe.unfinished")
    with replacing(path) as file, replacing(path.with_name("other")) as other:
        assert not left.exists()
        file.write(b"new")
        other.write(b"other")
    written = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    assert written == {"report.html": b"new", "other": b"other"}


def test_a_file_that_was_taken_for_one_that_was_left_is_made_anew(path, monkeypatch):
    def taken(*_locked):
        monkeypatch.undo()
        [mine] = {*path.parent.iterdir()} - {path}
        mine.unlink()

    monkeypatch.setattr("batchcancel.report.atomic.flock", taken)
    with replacing(path) as file:
        file.write(b"new")
    assert (b"new", [path]) == (path.read_bytes(), [*path.parent.iterdir()])


def test_what_is_too_long_to_be_a_name_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        require_new(tmp_path / f"{'x' * 300}.csv", [".csv"], force=True)


def test_a_folder_cannot_be_replaced(tmp_path):
    with pytest.raises(InputError, match="cannot be written"), replacing(tmp_path) as file:
        file.write(b"new")


def test_what_is_no_file_such_as_a_device_is_left_in_its_place(tmp_path):
    os.mkfifo(pipe := tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is no file"), replacing(pipe) as file:
        file.write(b"new")
    assert [pipe] == list(tmp_path.iterdir())
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("typed", "is_it"),
    [("s3://closures/m.csv", True), ("s3://closures/other.csv", False), ("m.csv", False)],
)
def test_a_manifest_in_a_store_is_not_written_over_whatever_version_was_read(typed, is_it):
    run = SimpleNamespace(batch="b", options={"manifest": "s3://closures/m.csv?versionId=7"})
    account = SimpleNamespace(
        batches=lambda: [SimpleNamespace(name="b")],
        runs_of_each=lambda batches: {one: [run] for one in batches},
    )
    with pytest.raises(InputError, match="came from") if is_it else nullcontext():
        refuse_manifest(output_of(typed), account, ledger="b.ledger.db")

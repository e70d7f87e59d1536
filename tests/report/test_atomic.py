"""A file that is replaced is there whole or not at all."""

import os
import resource
import signal
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from batchcancel.errors import InputError
from batchcancel.report.atomic import output_of, refuse_manifest, replacing


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

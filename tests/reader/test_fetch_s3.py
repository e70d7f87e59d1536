import logging
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from batchcancel.errors import InputError, StoppedEarly
from batchcancel.reader import fetch
from batchcancel.reader.fetch import private_file
from tests.reader.buckets import BUCKET, SECRET
from tests.reader.shelf import Canned

MANIFEST = f"s3://{BUCKET}/2026/monday.csv"


@pytest.fixture
def refused(copy):
    """Download what cannot be had, and give the sentence."""

    def refused(address):
        with pytest.raises(InputError) as error:
            copy(address)
        assert error.value.hint.endswith("Nothing was sent.")
        return error.value.message

    return refused


@pytest.mark.long
@pytest.mark.parametrize("content", [bytes(range(256)) * 1000, b""], ids=["full", "empty"])
def test_an_object_comes_byte_for_byte(buckets, copy, content):
    buckets.put("2026/monday.csv", content)
    assert content == copy(MANIFEST)


def test_the_version_that_was_named_comes_and_without_one_the_last(buckets, copy):
    buckets.keep_versions()
    first = buckets.put("2026/monday.csv", b"first")
    buckets.put("2026/monday.csv", b"second")

    assert b"first" == copy(f"{MANIFEST}?versionId={first}")
    assert b"second" == copy(MANIFEST)


@pytest.mark.parametrize(
    "address",
    [MANIFEST, "s3://nobodys-bucket/monday.csv", *(f"s3://{BUCKET}/{name}" for name in
                                                   ("*.csv", "monda[y].csv", "2026/*"))],
)  # fmt: skip
def test_what_is_not_there_is_told_and_a_pattern_is_a_name(buckets, refused, address):
    buckets.put("monday.csv", b"x")
    assert f"there is no manifest at {address}" == refused(address)


def test_without_credentials_nothing_is_fetched(buckets, monkeypatch, refused):
    buckets.put("2026/monday.csv", b"x")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    assert "may not be read with the credentials" in refused(MANIFEST)


def test_credentials_that_may_not_read_it_are_refused_and_not_shown(buckets, refused):
    buckets.put("2026/monday.csv", b"x")
    buckets.admit_nobody()
    sentence = refused(MANIFEST)

    assert "may not be read with the credentials" in sentence
    assert SECRET not in sentence


def test_what_no_bucket_is_called_is_a_mistake(buckets, refused):
    assert "s3://clo$ures/x.csv cannot be fetched" in refused("s3://clo$ures/x.csv")


def test_an_object_that_was_cut_short_is_not_pieced_together(buckets, outside, plain_shelf, copy):
    outside(AWS_ENDPOINT_URL=plain_shelf.url)
    path = MANIFEST.removeprefix("s3:/")
    plain_shelf.answers[path] = Canned(b"appointment_id\na1", announced=1000)
    with pytest.raises(StoppedEarly, match="not to the end"):
        copy(MANIFEST)

    assert [path] == plain_shelf.asked


def test_a_library_that_takes_half_for_the_whole_is_not_believed(monkeypatch, copy):
    class Careless:
        def get_file(self, _address, path, *, callback):
            callback.set_size(100)
            Path(path).write_bytes(b"half")

    monkeypatch.setattr(fetch, "open_store", lambda _scheme: Careless())
    with pytest.raises(StoppedEarly, match="another size than the store announced"):
        copy(MANIFEST)


def test_what_is_too_large_is_refused_before_it_is_stored(buckets, monkeypatch, copy, tmp_path):
    buckets.put("2026/monday.csv", b"12345")
    monkeypatch.setattr(fetch, "MOST_BYTES", 4)
    with pytest.raises(InputError, match="larger than"):
        copy(MANIFEST)

    assert b"" == (tmp_path / "copy").read_bytes()


def test_a_download_that_nobody_wants_any_more_ends(buckets, copy):
    buckets.put("2026/monday.csv", b"12345")
    with pytest.raises(InputError, match="not wanted"):
        copy(MANIFEST, is_wanted=lambda: False)


@pytest.mark.long
def test_the_libraries_log_nothing_meanwhile_and_their_levels_come_back(buckets, copy, caplog):
    buckets.put("2026/monday.csv", b"x")
    logging.getLogger("botocore").setLevel(logging.INFO)
    caplog.set_level(logging.DEBUG)
    copy(MANIFEST)

    assert logging.INFO == logging.getLogger("botocore").level
    logging.getLogger("botocore").setLevel(logging.NOTSET)
    assert SECRET not in caplog.text
    assert not [one for one in caplog.records if one.name.startswith(("botocore", "s3fs"))]


def test_the_copy_is_its_owners_alone_and_gone_at_the_end_after_trouble_too():
    before = os.umask(0)
    try:
        with suppress(KeyboardInterrupt), private_file() as path:
            modes = [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)]
            raise KeyboardInterrupt
    finally:
        os.umask(before)

    assert [0o600, 0o700] == modes
    assert not path.parent.exists()


def test_a_folder_that_takes_no_file_is_told_with_the_variable_that_names_another(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(InputError, match="temporary file: No such file") as error, private_file():
        pass
    assert "TMPDIR" in error.value.hint

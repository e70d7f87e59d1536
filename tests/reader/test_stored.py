import logging
import threading

import pytest

from batchcancel.addresses import source_of
from batchcancel.errors import InputError, StoppedEarly
from batchcancel.reader import stored
from batchcancel.reader.stored import Stored, stored_at
from tests.reader.buckets import BUCKET, SECRET

PLACE = f"s3://{BUCKET}/2026/report.html"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("https://example.test/x.csv?sig=canary", "can be read, and not written"),
        ("s3://closures/x.csv?versionId=canary", "can be read, and not written"),
        ("ftp://canary/x.csv", "begins with one of s3://"),
        ("http://canary/x.csv", "use https://"),
        ("s3://canary:canary@closures/x.csv", "no user or password"),
        ("s3://closures/2026/", "names no file"),
        ("s3://closures", "names no file"),
    ],
)
def test_an_address_that_takes_no_file_is_told_without_its_secrets(address, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        stored_at(address)
    assert "sig=canary" not in str(error.value)
    assert "Nothing was written" in error.value.hint


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.csv", ".csv"), ("2026.06/a", ""), ("a.b.html", ".html")]
)
def test_it_has_the_ending_of_its_file(name, suffix):
    assert suffix == stored_at(f"gs://closures/{name}").suffix


@pytest.mark.long
def test_what_is_written_is_there_byte_for_byte_in_the_place_of_what_was(buckets, copy):
    place = stored_at(PLACE)
    assert not place.exists()
    for content in (b"first", bytes(range(256)) * 1000, b""):
        place.write_bytes(content)
        assert place.exists()
        assert content == copy(PLACE)
    place.unlink()
    place.unlink(missing_ok=True)
    assert not place.exists()


@pytest.mark.long
def test_a_folder_of_that_name_is_no_file(buckets):
    stored_at(f"{PLACE}/x.csv").write_bytes(b"x")
    assert not stored_at(PLACE).exists()


@pytest.mark.long
def test_a_bucket_that_is_not_there_is_told(buckets):
    with pytest.raises(InputError, match=r"no bucket or container for s3://nobodys-bucket/x\.csv"):
        stored_at("s3://nobodys-bucket/x.csv").write_bytes(b"x")


def test_credentials_that_may_not_write_change_nothing_and_are_not_shown(buckets, copy):
    place = stored_at(PLACE)
    place.write_bytes(b"old")
    buckets.admit_nobody()
    with pytest.raises(InputError, match="may not be written with the credentials") as error:
        place.write_bytes(b"new")
    with pytest.raises(InputError, match="may not be written"):
        place.exists()
    assert error.value.hint.endswith("Nothing was written.")
    assert SECRET not in str(error.value)
    buckets._ask("POST", "moto-api/reset-auth", b"inf")
    assert b"old" == copy(PLACE)


@pytest.mark.long
def test_a_store_that_does_not_answer_is_tried_again_later(buckets, outside):
    outside(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    with pytest.raises(StoppedEarly, match="cannot be written") as error:
        stored_at(PLACE).write_bytes(b"x")
    assert "whole or not at all" in error.value.hint


@pytest.mark.promise(9)
def test_a_store_that_never_ends_is_given_up(monkeypatch):
    forever = threading.Event()

    class Slow:
        def pipe_file(self, _address, _content):
            forever.wait()

    monkeypatch.setattr(stored, "open_store", lambda _scheme, **_named: Slow())
    monkeypatch.setattr(stored, "LONGEST", 0.01)
    with pytest.raises(StoppedEarly, match="does not answer"):
        stored_at(PLACE).write_bytes(b"x")
    forever.set()


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_every_store_is_opened_to_be_written_and_its_logs_are_silent(monkeypatch, scheme):
    asked = []

    class Store:
        def pipe_file(self, address, content):
            asked.append((address, content, logging.getLogger("azure").level))

    monkeypatch.setattr(
        stored, "open_store", lambda name, *, writes: asked.append((name, writes)) or Store()
    )
    Stored(source_of(f"{scheme}://closures/x.csv")).write_bytes(b"x")
    assert asked == [(scheme, True), ("closures/x.csv", b"x", logging.CRITICAL + 1)]


def test_what_is_there_is_asked_and_taken_away(monkeypatch):
    there = {"closures/x.csv": "file", "closures/2026": "directory"}

    class Store:
        def info(self, address):
            if address not in there:
                raise FileNotFoundError(address)
            return {"type": there[address]}

        def rm_file(self, address):
            self.info(address)
            del there[address]

    monkeypatch.setattr(stored, "open_store", lambda _scheme, **_named: Store())
    assert [True, False, False] == [
        stored_at(f"az://closures/{name}").exists() for name in ("x.csv", "2026", "y.csv")
    ]
    for _ in range(2):
        stored_at("az://closures/x.csv").unlink(missing_ok=True)
    assert ["closures/2026"] == [*there]
    with pytest.raises(InputError, match="no bucket or container"):
        stored_at("az://closures/y.csv").unlink()

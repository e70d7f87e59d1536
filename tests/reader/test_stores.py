import sys
from types import ModuleType

import pytest

from batchcancel.addresses import SCHEMES
from batchcancel.errors import InputError
from batchcancel.reader.stores import open_store

LIBRARIES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "https": "aiohttp"}


@pytest.fixture
def stand_in(monkeypatch):
    """Put a module that only takes notes in the place of a library; give the notes."""

    def stand_in(library, kind):
        notes = []
        module = ModuleType(library)
        setattr(module, kind, lambda **named: notes.append(named))
        monkeypatch.setitem(sys.modules, library.partition(".")[0], module)
        monkeypatch.setitem(sys.modules, library, module)
        return notes

    return stand_in


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_extra_that_is_not_installed_is_told_with_what_to_type(monkeypatch, scheme):
    monkeypatch.delitem(sys.modules, "fsspec.implementations.http", raising=False)
    for name in [one for one in sys.modules if one.partition(".")[0] == LIBRARIES[scheme]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, LIBRARIES[scheme], None)
    with pytest.raises(InputError, match=f"need the extra {scheme}") as error:
        open_store(scheme)

    assert f"In the checkout, type: pip install -e '.[{scheme}]'" == error.value.hint


def test_an_object_is_read_in_one_go_so_that_it_cannot_change_half_way(outside):
    store = open_store("s3")
    assert (1, 1, True) == (store.retries, store.max_concurrency, store.version_aware)


@pytest.mark.promise(9)
def test_every_wait_for_a_bucket_has_a_deadline(outside):
    waits = open_store("s3").config_kwargs
    assert 0 < waits["connect_timeout"] <= waits["read_timeout"] < 60


def test_a_google_bucket_is_only_written_where_that_is_asked_for(stand_in):
    notes = stand_in("gcsfs.core", "GCSFileSystem")
    open_store("gs")
    open_store("gs", writes=True)
    usual = {"project": "", "skip_instance_cache": True}
    assert [usual | {"access": one} for one in ("read_only", "read_write")] == notes


@pytest.mark.promise(9)
def test_every_wait_for_an_azure_container_has_a_deadline(stand_in):
    notes = stand_in("adlfs", "AzureBlobFileSystem")
    open_store("az")
    assert [
        {"connection_timeout": 10.0, "read_timeout": 30.0, "skip_instance_cache": True}
    ] == notes

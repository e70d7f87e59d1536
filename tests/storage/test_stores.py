import sys

import pytest

from batchcancel.errors import InputError
from batchcancel.source import SCHEMES
from batchcancel.storage.stores import open_store

LIBRARIES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "https": "aiohttp"}


@pytest.fixture
def recorded(monkeypatch):
    """Stand in for the library that knows how to make file systems; give what it is told."""
    told = []
    monkeypatch.setattr("fsspec.filesystem", lambda scheme, **named: told.append((scheme, named)))
    return told


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("missing", ["fsspec", "its library"])
def test_an_extra_that_is_not_installed_is_told_with_what_to_type(monkeypatch, scheme, missing):
    library = "fsspec" if missing == "fsspec" else LIBRARIES[scheme]
    for name in [one for one in sys.modules if one.partition(".")[0] in (library, "fsspec")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError) as error:
        open_store(scheme)

    assert f"Type: pip install 'batchcancel[{scheme}]'" == error.value.hint


def test_an_object_is_read_in_one_go_so_that_it_cannot_change_half_way(outside):
    store = open_store("s3")
    assert (1, 1, True) == (store.retries, store.max_concurrency, store.version_aware)


@pytest.mark.promise(9)
def test_every_wait_for_a_bucket_has_a_deadline(outside):
    waits = open_store("s3").config_kwargs
    assert 0 < waits["connect_timeout"] <= waits["read_timeout"] < 60


@pytest.mark.parametrize(
    ("scheme", "argument"), [("gs", ("access", "read_only")), ("az", ("read_timeout", 30.0))]
)
def test_each_store_is_opened_anew_with_its_own_arguments(recorded, scheme, argument):
    open_store(scheme)
    [(opened, named)] = recorded

    assert scheme == opened
    assert {argument, ("skip_instance_cache", True)} <= named.items()

"""Stores to fetch from: buckets, and a shelf over TLS."""

import os

import pytest

from batchcancel.addresses import source_of
from batchcancel.reader.fetch import download
from tests.certificates import self_signed
from tests.reader.buckets import new_buckets
from tests.reader.shelf import serving_shelf


@pytest.fixture
def outside(monkeypatch):
    """Set variables as an operator would, and no others that lead to a store."""
    for name in os.environ:
        if name.startswith(("AWS_", "FSSPEC_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)

    def outside(**environ):
        for name, text in environ.items():
            monkeypatch.setenv(name, text)

    return outside


@pytest.fixture
def copy(tmp_path):
    """Download an address, and give the bytes."""

    def copy(address, **named):
        path = tmp_path / "copy"
        path.touch()
        size = download(source_of(address), path, **named)
        assert size == path.stat().st_size
        return path.read_bytes()

    return copy


@pytest.fixture
def buckets(bucket_server, outside):
    with new_buckets(bucket_server) as buckets:
        outside(**buckets.environ)
        yield buckets


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("certificate"), "IP:127.0.0.1", days=1)


@pytest.fixture
def shelf(certificate, outside):
    """A shelf whose certificate is trusted."""
    outside(SSL_CERT_FILE=str(certificate / "certificate.pem"))
    with serving_shelf(certificate) as shelf:
        yield shelf


@pytest.fixture
def plain_shelf():
    """A shelf without TLS."""
    with serving_shelf(None) as shelf:
        yield shelf

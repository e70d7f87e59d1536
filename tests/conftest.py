"""Fixtures everything shares: virtual time, and a whole program around an in-process sandbox.

What is imported late here is not wanted by every file, and each planted defect has a process.
"""

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import database, mortal_postgres, postgres
from tests.reader.buckets import bucket_server

__all__ = ["bucket_server", "database", "mortal_postgres", "postgres"]

# Hundreds of processes import the same modules: they are compiled once, by whoever is first.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_SERVERS = ("bucket_server", "mortal_postgres", "pgbouncer", "postgres")
# Under nohup it is ignored, by all that is started too: tests of its effect would wait for it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

_numbers = itertools.count(1)


@pytest.hookimpl(optionalhook=True)  # planted defects are tried without that plugin
def pytest_xdist_auto_num_workers() -> int:
    """Three workers on two cores: many tests wait for processes, sockets and servers."""
    cores = os.cpu_count() or 1
    return cores + (cores + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a server come first and one after the other: one worker alone starts it."""

    def place(item: pytest.Item) -> int:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        wanted = [name for name in (*item.fixturenames, *parameters) if name in _SERVERS]
        return min(map(_SERVERS.index, wanted), default=len(_SERVERS))

    items.sort(key=place)


@pytest.fixture(scope="session")
def _states(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states")


@pytest.fixture(autouse=True)
def state_home(_states: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a test's programs keep what outlives them; it is made by the first that needs it."""
    path = _states / str(next(_numbers))
    monkeypatch.setenv("XDG_STATE_HOME", str(path))
    return path


@pytest.fixture
def virtual():
    """Time that jumps as soon as everybody waits."""
    from trio.testing import MockClock

    return MockClock(autojump_threshold=0)


@pytest.fixture
def anyio_backend(virtual, request: pytest.FixtureRequest) -> Iterator[tuple[str, dict]]:
    """On virtual time, in an order that is a test's own and always the same."""
    from tests.schedule import deterministic

    with deterministic(request.node.name):
        yield "trio", {"clock": virtual}


@pytest.fixture
def world(tmp_path: Path, virtual):
    """The program and the sandbox, both on virtual time."""
    from tests.world import World

    return World(tmp_path, virtual)

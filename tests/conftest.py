"""Fixtures everything shares: virtual time, and a whole program around an in-process sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.postgres import database, mortal_postgres, postgres
from tests.schedule import deterministic
from tests.world import World

__all__ = ["database", "mortal_postgres", "postgres"]


@pytest.fixture
def virtual() -> MockClock:
    """Time that jumps as soon as everybody waits."""
    return MockClock(autojump_threshold=0)


@pytest.fixture
def anyio_backend(
    virtual: MockClock, request: pytest.FixtureRequest
) -> Iterator[tuple[str, dict[str, object]]]:
    """On virtual time, in an order that is a test's own and always the same."""
    with deterministic(request.node.name):
        yield "trio", {"clock": virtual}


@pytest.fixture
def world(tmp_path: Path, virtual: MockClock) -> World:
    """The program and the sandbox, both on virtual time."""
    return World(tmp_path, virtual)

"""Files that only their owner may read, whatever the umask, at every moment."""

import json
import os
from stat import S_IMODE

import pytest

from tests.security.conftest import KEY

ENDINGS = ("-lock", "-shm", "-wal", "")


@pytest.fixture(params=[0o000, 0o022], ids=lambda mask: f"umask {mask:03o}")
def umask(request):
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder):
    return {path.name: S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.promise(15)
def test_everything_that_is_written_is_for_the_owner_alone(place, umask):
    place.closure("a1")
    seen = {}
    place.impostor.watch = lambda: seen.update(modes(place.folder))
    place("plan", "closure.csv")
    place("run", "closure.csv", "--yes")
    for kind in ("csv", "json", "parquet"):
        place("export", "closure.ledger.db", "-o", f"all.{kind}")
    seen |= modes(place.folder)
    del seen["closure.csv"]

    while_running = {f"closure.ledger.db{ending}" for ending in ENDINGS}
    assert while_running | {"all.csv", "all.json", "all.parquet"} == set(seen)
    assert set(seen.values()) == {0o600}


@pytest.mark.promise(15)
def test_the_window_that_is_shared_is_for_the_owner_alone_and_holds_no_key(place, umask):
    place.closure("a1")
    place("run", "closure.csv", "--yes", "--rate", "60/60s")

    assert {0o600} == set(modes(place.state).values())
    assert 0o700 == S_IMODE(place.state.stat().st_mode)
    [window] = place.state.glob("*.json")
    assert 1 <= len(json.loads(window.read_text())["slots"])
    assert set() == place.leaks(KEY, "canary")
    assert [] == [path for path in place.state.iterdir() if "canary" in path.name]


def test_a_lock_that_is_a_link_is_not_followed(place, tmp_path_factory):
    place.closure("a1")
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("precious")
    (place.folder / "closure.ledger.db-lock").symlink_to(victim)
    ended = place("run", "closure.csv", "--yes")

    assert (2, "precious") == (ended.returncode, victim.read_text())
    assert 0 == len(place.sandbox.history)


def test_an_export_onto_a_link_asks_before_its_target_is_written(place, tmp_path_factory):
    place.closure("a1")
    place("run", "closure.csv", "--yes")
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_text("precious")
    (place.folder / "all.csv").symlink_to(victim)
    ended = place("export", "closure.ledger.db", "-o", "all.csv")

    assert (2, "precious") == (ended.returncode, victim.read_text())

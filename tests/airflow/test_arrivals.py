import asyncio
from contextlib import suppress

import pytest

from batchcancel.airflow import ManifestTrigger


class Kept(dict):
    """What Airflow keeps with the asset."""

    async def aget(self, key):
        return self.get(key)

    async def aset(self, key, value):
        self[key] = value


@pytest.fixture
def told(tmp_path):
    """What is told of a folder in so many looks, `meanwhile` being done after each of them."""

    def told(looks=4, *, kept=None, meanwhile=lambda _look: None, folder=tmp_path):
        trigger = ManifestTrigger(folder=str(folder), every=0)
        trigger.asset_state_store = kept
        events, seen = [], iter(range(looks))

        async def pause(_seconds):
            meanwhile(next(seen))

        async def listen():
            async for event in trigger.run():
                events.append(event.payload["manifest"].rpartition("/")[2])  # noqa: PERF401

        with pytest.MonkeyPatch.context() as patch, suppress(RuntimeError):
            patch.setattr("batchcancel.airflow.arrivals.asyncio.sleep", pause)
            asyncio.run(listen())
        return events

    return told


def test_each_manifest_is_told_once_and_other_files_are_not(told, tmp_path):
    for name in ("b.csv", "a.csv", "notes.txt"):
        (tmp_path / name).write_text("x")
    assert ["a.csv", "b.csv"] == told()


def test_a_file_that_still_grows_is_not_told_before_it_is_whole(told, tmp_path):
    def grow(look):
        if look < 3:
            (tmp_path / "a.csv").write_text("x" * (look + 1))

    assert [] == told(3, meanwhile=grow)
    assert ["a.csv"] == told(6, meanwhile=grow)


def test_after_a_restart_only_what_is_new_or_was_replaced_is_told(told, tmp_path):
    kept = Kept()
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x")
    assert ["a.csv", "b.csv"] == told(kept=kept)
    (tmp_path / "b.csv").write_text("other")
    (tmp_path / "c.csv").write_text("x")
    assert ["b.csv", "c.csv"] == told(kept=kept)


def test_what_airflow_may_not_have_kept_is_told_again_after_a_restart(told, tmp_path):
    (tmp_path / "a.csv").write_text("x")
    kept = Kept()
    assert ["a.csv"] == told(1, kept=kept)  # it ends before the next look
    assert ["a.csv"] == told(kept=kept)


def test_a_folder_that_cannot_be_looked_into_is_looked_into_again(told, tmp_path):
    folder = tmp_path / "later"

    def make(look):
        if look == 0:
            folder.mkdir()
            (folder / "a.csv").touch()

    assert ["a.csv"] == told(folder=folder, meanwhile=make)

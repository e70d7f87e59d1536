import threading
from functools import partial

import anyio
import pytest

from batchcancel.addresses import source_of
from batchcancel.errors import InputError, Interrupted, StoppedEarly
from batchcancel.events import FetchBegan, FetchEnded
from batchcancel.reader import fetch
from batchcancel.reader.fetch import fetched
from batchcancel.stop import Stop

FAR = source_of("https://store.example/monday.csv?sig=canary")


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def told():
    """What an observer was told."""
    return []


@pytest.fixture
def downloads(monkeypatch):
    """Stand in for the store: `downloads(work)` lets `work(path, is_wanted)` bring the bytes."""

    def downloads(work):
        def download(_source, path, *, is_wanted):
            return work(path, is_wanted)

        monkeypatch.setattr(fetch, "download", download)

    return downloads


@pytest.fixture
def hanging(downloads):
    """A store that sends nothing until the test is over."""
    began, ended, paths = threading.Event(), threading.Event(), []

    def hang(path, _is_wanted):
        paths.append(path)
        began.set()
        return 0 if ended.wait(60) else 1

    downloads(hang)
    yield began, paths
    ended.set()


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["closure.csv", "/data/a?b.csv", "a\0b", "."])
async def test_a_file_is_left_where_it_is(told, text):
    assert text == await fetched(source_of(text), stop=Stop(), observe=told.append)
    assert [] == told


@pytest.mark.anyio
async def test_what_is_far_away_is_brought_by_a_copy_that_is_gone_afterwards(told, downloads):
    paths = []

    def bring(path, _is_wanted):
        paths.append(path)
        return path.write_bytes(b"a1")

    downloads(bring)
    assert b"a1" == await fetched(FAR, stop=Stop(), observe=told.append)
    assert not paths[0].parent.exists()

    where = "https://store.example/monday.csv?***"
    assert [FetchBegan(manifest=where), FetchEnded(manifest=where, size=2)] == told


@pytest.mark.anyio
async def test_trouble_comes_out_as_it_is_and_nothing_stays(told, downloads):
    paths = []

    def refuse(path, _is_wanted):
        paths.append(path)
        raise InputError("no")

    downloads(refuse)
    with pytest.raises(InputError, match="no"):
        await fetched(FAR, stop=Stop(), observe=told.append)
    assert not paths[0].parent.exists()


@pytest.mark.anyio
@pytest.mark.promise(11)
async def test_a_stop_is_heard_although_the_store_hangs(told, hanging):
    began, paths = hanging
    stop = Stop()

    async def interrupt():
        await anyio.to_thread.run_sync(partial(began.wait, 60))
        stop.ask(Interrupted(2))

    async with anyio.create_task_group() as group:
        group.start_soon(interrupt)
        with pytest.raises(Interrupted):
            await fetched(FAR, stop=stop, observe=told.append)
    assert not paths[0].parent.exists()


@pytest.mark.anyio
async def test_a_stop_that_came_before_keeps_it_from_being_fetched(told, hanging):
    began, _paths = hanging
    stop = Stop()
    stop.ask(Interrupted(15))
    with pytest.raises(Interrupted):
        await fetched(FAR, stop=stop, observe=told.append)
    assert not began.is_set()


@pytest.mark.anyio
@pytest.mark.promise(9)
async def test_a_store_that_hangs_is_given_up_after_the_deadline(told, hanging):
    with pytest.raises(StoppedEarly, match="does not answer"):
        await fetched(FAR, stop=Stop(), observe=told.append, longest=0.05)


@pytest.mark.anyio
async def test_a_download_that_was_given_up_learns_of_it(told, downloads):
    learnt = threading.Event()

    def wait(_path, is_wanted):
        while is_wanted():
            threading.Event().wait(0.01)
        learnt.set()
        return 0

    downloads(wait)
    with pytest.raises(StoppedEarly):
        await fetched(FAR, stop=Stop(), observe=told.append, longest=0.05)
    assert await anyio.to_thread.run_sync(partial(learnt.wait, 60))

"""The manifest, wherever it lies, as something that can be read on this machine."""

import functools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Final

from anyio import to_thread

from batchcancel.events import FetchBegan, FetchEnded, Observer
from batchcancel.source import Source
from batchcancel.stop import Stop
from batchcancel.storage.fetch import download, private_file
from batchcancel.storage.trouble import out_of_reach

DEADLINE: Final = 600.0
"""Seconds for a download, from the first name that is looked up to the last byte."""


@asynccontextmanager
async def brought(
    source: Source, *, stop: Stop, observe: Observer, deadline: float = DEADLINE
) -> AsyncIterator[str]:
    """Give what `read_manifest` reads: the path, `-`, or a private copy that is gone at the end.

    A stop is heard at once; the reason for it is raised.
    """
    if not source.is_remote:
        yield source.reveal()
        return
    observe(FetchBegan(manifest=str(source)))
    with private_file() as path:
        size = await _downloaded(source, path, stop=stop, deadline=deadline)
        observe(FetchEnded(manifest=str(source), size=size))
        yield str(path)


async def _downloaded(source: Source, path: Path, *, stop: Stop, deadline: float) -> int:
    try:
        with stop.told(), stop.breaks():
            return await _aside(functools.partial(download, source, path), deadline=deadline)
    except TimeoutError:
        raise out_of_reach(source) from None


async def _aside(work: Callable[..., int], *, deadline: float) -> int:
    """Do `work` in a thread that nobody has to wait for: a process ends without it."""
    result: Future[int] = Future()
    Thread(target=_settle, args=(result, work), daemon=True, name="fetching").start()
    try:
        wait = functools.partial(result.result, deadline)
        return await to_thread.run_sync(wait, abandon_on_cancel=True)
    finally:
        result.cancel()


def _settle(result: Future[int], work: Callable[..., int]) -> None:
    with suppress(InvalidStateError):  # nobody waits any more
        try:
            size = work(is_wanted=lambda: not result.cancelled())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            result.set_exception(error)
        else:
            result.set_result(size)

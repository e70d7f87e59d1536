"""Download of a remote manifest to a private temporary file, bounded in size and time."""

import functools
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any, Final

from anyio import to_thread

from batchcancel.addresses import Source
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.events import FetchBegan, FetchEnded, Observer
from batchcancel.reader.store_errors import cut_short, no_room, out_of_reach, store_error
from batchcancel.reader.stores import open_store
from batchcancel.stop import Stop

LONGEST_DOWNLOAD: Final = 600.0
"""Seconds for a whole download: the libraries bound single reads, and a slow store never ends."""


@asynccontextmanager
async def fetched(
    source: Source, *, stop: Stop, observe: Observer, longest: float = LONGEST_DOWNLOAD
) -> AsyncIterator[str]:
    """Give what `read_manifest` reads: the path, `-`, or a private copy that is gone at the end.

    On a stop its reason is raised at once. `longest` bounds the download, in seconds.
    """
    if not source.is_remote:
        yield source.reveal()
        return
    observe(FetchBegan(manifest=str(source)))
    with private_file() as path:
        size = await _downloaded(source, path, stop=stop, longest=longest)
        observe(FetchEnded(manifest=str(source), size=size))
        yield str(path)


async def _downloaded(source: Source, path: Path, *, stop: Stop, longest: float) -> int:
    try:
        with stop.raising_reason(), stop.breaks():
            return await _in_daemon_thread(
                functools.partial(download, source, path), longest=longest
            )
    except TimeoutError:
        raise out_of_reach(source) from None


async def _in_daemon_thread(work: Callable[..., int], *, longest: float) -> int:
    """Run `work` in a daemon thread, for at most `longest` seconds."""
    # Not in a worker thread of anyio: the process would wait at its end for a store that hangs.
    result: Future[int] = Future()
    Thread(target=_fulfil, args=(result, work), daemon=True, name="fetching").start()
    try:
        wait = functools.partial(result.result, longest)
        return await to_thread.run_sync(wait, abandon_on_cancel=True)
    finally:
        # Ends the abandoned wait above, and tells the download that nobody wants it any more.
        result.cancel()


def _fulfil(result: Future[int], work: Callable[..., int]) -> None:
    with suppress(InvalidStateError):  # nobody waits any more
        try:
            size = work(is_wanted=lambda: not result.cancelled())
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            result.set_exception(error)
        else:
            result.set_result(size)


MOST_BYTES: Final = 1 << 30
"""The largest manifest that is fetched: 1 GiB."""

_LOGGERS = (
    "adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google", "s3fs",
    "urllib3",
)  # fmt: skip


@contextmanager
def private_file() -> Iterator[Path]:
    """An empty file that its owner alone can read, gone at the end."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="batchcancel-")
    except OSError as error:
        raise no_room(error) from None
    with folder as name:
        path = Path(name) / "manifest"
        path.touch(mode=0o600)
        yield path


def download(source: Source, path: Path, *, is_wanted: Callable[[], bool] = lambda: True) -> int:
    """Download the object to `path`, and give its size; every failure is a `BatchcancelError`.

    It ends with the next piece that comes once `is_wanted` says no.
    """
    progress = _Progress(source, is_wanted)
    with _silence():
        try:
            store = open_store(source.scheme)
            store.get_file(_address(source), str(path), callback=progress)
        except BatchcancelError:
            raise
        except Exception as error:  # noqa: BLE001 - four libraries, and each raises its own
            # From None: the texts of the libraries may hold signatures and whole addresses.
            raise store_error(source, error) from None
    size = path.stat().st_size
    # A connection that closes early is no error to every library.
    if progress.size not in (None, size):
        raise cut_short(source)
    return size


def _address(source: Source) -> str:
    address = source.reveal()
    return address if source.scheme == "https" else address.removeprefix(f"{source.scheme}://")


class _Progress:
    """An fsspec callback: bounds the size, and ends a download that nobody waits for."""

    def __init__(self, source: Source, is_wanted: Callable[[], bool]) -> None:
        self._source = source
        self._is_wanted = is_wanted
        self._done = 0
        self.size: int | None = None

    def set_size(self, size: int | None) -> None:
        self.size = size
        self._check(size or 0)

    def relative_update(self, inc: int = 1) -> None:
        self._done += inc
        self._check(self._done)

    def absolute_update(self, value: int) -> None:
        self._check(value)

    def _check(self, size: int) -> None:
        if size > MOST_BYTES:
            raise InputError(
                f"{self._source} is larger than 1 GiB, which no manifest is",
                hint="Check the address. Nothing was sent.",
            )
        if not self._is_wanted():
            raise InputError(f"{self._source} is not wanted any more")


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the libraries' logs from showing addresses and signatures, however loud they are set."""
    loggers: list[tuple[Any, int]] = []
    for name in _LOGGERS:
        one = logging.getLogger(name)
        loggers.append((one, one.level))
        one.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for one, level in loggers:
            one.setLevel(level)

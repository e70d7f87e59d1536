"""Fetching of a manifest's bytes from stdin, a pipe or a store, bounded in size and time."""

import functools
import logging
import os
import select
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import UnsupportedOperation
from itertools import islice
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from threading import Event
from typing import BinaryIO, Final, TypeVar

from anyio import to_thread

from batchcancel.addresses import STDIN, Source
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.events import FetchBegan, FetchEnded, Observer
from batchcancel.reader.store_errors import no_room, store_error, trouble
from batchcancel.reader.stores import open_store
from batchcancel.stop import Stop, in_daemon_thread

LONGEST_DOWNLOAD: Final = 600.0
"""Seconds for a whole download: the libraries bound single reads, and a slow store never ends."""

MOST_BYTES: Final = 1 << 30
"""The largest manifest that is read: 1 GiB."""

_PIECE = 1 << 16
_LOGGERS = (
    "adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google", "s3fs",
    "urllib3",
)  # fmt: skip

IsWanted = Callable[[], bool]
Result = TypeVar("Result")


async def fetched(
    source: Source, *, stop: Stop, observe: Observer, longest: float = LONGEST_DOWNLOAD
) -> str | bytes:
    """Give what `read_manifest` reads: the path of a file, or the bytes from anywhere else.

    On a stop its reason is raised at once. `longest` bounds a download, in seconds.
    """
    if source.is_remote:
        observe(FetchBegan(manifest=str(source)))
        with private_file() as copy:
            try:
                fetch = functools.partial(download, source, copy)
                size = await beside(fetch, longest, stop=stop)
            except TimeoutError:
                raise trouble("silent", source) from None
            observe(FetchEnded(manifest=str(source), size=size))
            return copy.read_bytes()
    path = source.reveal()
    if source.is_stdin or _is_pipe(path):
        return await beside(lambda **_: content_of(path), None, stop=stop)
    return path


def _is_pipe(path: str) -> bool:
    """Whether reading it may stall; what is not there is told by whoever reads it."""
    with suppress(OSError, ValueError):
        mode = Path(path).stat().st_mode
        return not S_ISREG(mode) and not S_ISDIR(mode)
    return False


async def beside(work: Callable[..., Result], longest: float | None, *, stop: Stop) -> Result:
    """Run `work` where it holds up neither signals nor the end of the process."""
    unwanted = Event()
    with stop.raising_reason(), stop.breaks():
        # Not in a worker thread of anyio: the process would wait at its end for what hangs.
        result = in_daemon_thread(functools.partial(work, is_wanted=lambda: not unwanted.is_set()))
        try:
            wait = functools.partial(result.result, longest)
            return await to_thread.run_sync(wait, abandon_on_cancel=True)
        finally:
            unwanted.set()
            result.cancel()  # ends the abandoned wait above
    raise AssertionError  # `breaks` has raised


def content_of(path: str) -> bytes:
    """All that is in a file or a pipe, or in standard input when the path is `-`."""
    try:
        if path == STDIN:
            return _read_whole(sys.stdin.buffer)
        if not _is_pipe(path):
            return Path(path).read_bytes()
        with Path(path).open("rb", buffering=0) as stream:
            return _read_whole(stream)
    except FileNotFoundError:
        raise InputError(
            f"there is no manifest at {path!r}", hint="Give the path of a CSV or Parquet file."
        ) from None
    except IsADirectoryError:
        raise _folder(path) from None
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or "not a path"
        raise InputError(
            f"the manifest {path!r} cannot be read: {why}", hint="Check the path and its rights."
        ) from None


_TABLES, _MANY_FILES = (".parquet", ".csv", ".tsv", ".gz"), 10_000


def _folder(path: str) -> InputError:
    """A folder; one of part files is one table, and no part of it a whole day."""
    below = islice(Path(path).rglob("*"), _MANY_FILES)  # partitions are folders in it
    parts = [str(one) for one in below if one.suffix.lower() in _TABLES or one.match("part-*")]
    hint = f"Give the path of one file in it{f', like {parts[0]!r}' if parts else ''}."
    if len(parts) > 1:
        hint = (
            f"Its {len(parts)} files may be parts of one table, of which none is the whole: write "
            "all rows to one file, in Spark after .coalesce(1), and name that."
        )
    return InputError(f"{path!r} is a directory, not a manifest", hint=hint)


def _read_whole(stream: BinaryIO) -> bytes:
    """Read to the end, also where it does not block and its writer is slow."""
    content = bytearray()
    while piece := _piece(stream):
        content += piece
        if len(content) > MOST_BYTES:
            raise InputError(
                "the manifest is larger than 1 GiB, which none is",
                hint="Check what is written into it. Nothing was sent.",
            )
    return bytes(content)


def _piece(stream: BinaryIO) -> bytes:
    while True:
        try:
            # Not by the stream: it would give what is there for all there is, and hold a lock that
            # the end of the interpreter waits for.
            return os.read(stream.fileno(), _PIECE)
        except UnsupportedOperation:
            return stream.read(_PIECE)
        except BlockingIOError:
            select.select([stream], [], [])


@contextmanager
def private_file() -> Iterator[Path]:
    """An empty file that its owner alone can read, gone at the end."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="batchcancel-")
    except OSError as error:
        raise no_room(error) from None
    with folder as name:
        path = Path(name, "manifest")
        path.touch(mode=0o600)
        yield path


def download(source: Source, path: Path, *, is_wanted: IsWanted = lambda: True) -> int:
    """Download the object to `path`, and give its size; every failure is a `BatchcancelError`.

    It ends with the next piece that comes once `is_wanted` says no.
    """

    def bound(size: int | None, done: int, **_: object) -> None:
        if max(size or 0, done) > MOST_BYTES:
            raise trouble("too_large", source)
        if not is_wanted():
            raise InputError(f"{source} is not wanted any more")

    address = source.reveal()
    if source.scheme != "https":
        address = address.removeprefix(f"{source.scheme}://")
    with silence():
        try:
            store = open_store(source.scheme)
            from fsspec.callbacks import Callback

            progress = Callback(hooks={"bound": bound})
            store.get_file(address, str(path), callback=progress)
        except BatchcancelError:
            raise
        except Exception as error:  # noqa: BLE001 - four libraries, and each raises its own
            # From None: the texts of the libraries may hold signatures and whole addresses.
            raise store_error(source, error) from None
    size = path.stat().st_size
    # A connection that closes early is no error to every library.
    if progress.size not in (None, size):
        raise trouble("cut_short", source)
    return size


@contextmanager
def silence() -> Iterator[None]:
    """Keep the libraries' logs from showing addresses and signatures, however loud they are set."""
    levels = {one: one.level for one in map(logging.getLogger, _LOGGERS)}
    try:
        for one in levels:
            one.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for one, level in levels.items():
            one.setLevel(level)

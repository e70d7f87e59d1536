"""Outputs, written whole or not at all: a file by a temporary one and a rename, or in a store."""

import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from io import BufferedWriter, BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from batchcancel.errors import InputError
from batchcancel.ledger.questions import LedgerReader
from batchcancel.reader.stored import Stored, stored_at

Output = Path | Stored

_PREFIX, _SUFFIX = ".batchcancel-", ".unfinished"


def output_of(text: str) -> Output:
    """Where an output goes: a path, or an address in a store; `InputError` for any other."""
    return stored_at(text) if "://" in text else Path(text)


def private_output(text: str) -> Path:
    """The same for personal data, which stays on this machine."""
    if "://" in text:
        raise InputError(
            "personal data stays on this machine, and is not written to a store",
            hint="Name a file in a folder of your own, and delete it after use.",
        )
    return Path(text)


@contextmanager
def replacing(path: Output, *, mode: int = 0o600) -> Iterator[BinaryIO]:
    """A file to write into that replaces `path` at the end of the body.

    Of a symbolic link the target is replaced, and the link stays.

    After an error the old file is untouched; a place that cannot be written is an InputError.
    """
    if isinstance(path, Stored):
        yield (content := BytesIO())
        path.write_bytes(content.getvalue())
        return
    path = Path(os.path.realpath(path))
    if _is_there(path) and not (path.is_file() or path.is_dir()):
        # Whoever may write in its folder, as root in /dev, would put a file in a device's place.
        raise InputError(f"{path} is no file", hint="Name a file, or one that is not there yet.")
    try:
        with _temporary(path) as (file, temporary):
            yield file
            file.flush()
            # Before the rename, or a power cut could leave the new name with no content.
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
            temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def require_kind(path: Output, kinds: Collection[str]) -> None:
    """Raise `InputError` where the ending of the file names none of these."""
    if path.suffix.lower() not in kinds:
        raise InputError(
            f"the ending of {path} names no kind of file that is written here",
            hint=f"Let it end with one of {', '.join(kinds)}.",
        )


def require_new(path: Output, kinds: Collection[str], *, force: bool) -> None:
    """The same, and where there is a file that was not to be replaced, or none can be."""
    require_kind(path, kinds)
    if _is_there(path) and not force:
        raise InputError(f"{path} exists", hint="Name another file, or pass --force.")


def _is_there(path: Output) -> bool:
    try:
        return path.exists()
    except OSError as error:  # nobody may look, or it is too long to be a name
        raise _unwritable(path, error) from error


def require_private(path: Path) -> None:
    """Refuse a place where others could read what only its owner may."""
    path = Path(os.path.realpath(path))
    try:
        with _temporary(path) as (file, temporary):
            os.fchmod(file.fileno(), 0o600)
            is_private = stat.S_IMODE(temporary.stat().st_mode) == 0o600  # noqa: PLR2004
    except OSError as error:
        raise _unwritable(path, error) from error
    if not is_private:
        raise InputError(
            f"others could read {path}: its file system keeps no mode 0600",
            hint="Personal data needs a folder on a disk of this machine, such as your home. "
            "Nothing was written.",
        )


def _unwritable(path: Output, error: OSError) -> InputError:
    return InputError(
        f"{path} cannot be written: {error.strerror or error}",
        hint="Name a file in a folder that can be written and has room.",
    )


def refuse_manifest(path: Output, account: LedgerReader, *, ledger: str) -> None:
    """Refuse to write over a manifest that a batch of the ledger came from."""
    of_each = account.runs_of_each(one.name for one in account.batches())
    for run in chain.from_iterable(of_each.values()):
        told = (run.options or {}).get("manifest", "")
        if told and _is_same(path, told, ledger=ledger):
            raise InputError(
                f"{path} is the manifest that batch {run.batch} came from",
                hint="Name another file: a manifest is not written over.",
            )


def _is_same(path: Output, told: str, *, ledger: str) -> bool:
    if isinstance(path, Stored):
        return told.partition("?")[0] == str(path)  # whatever its version was
    # A path was kept as it was typed once; then it may be beside the ledger, or here.
    for place in (Path(told), Path(ledger).parent / told):
        with suppress(OSError, ValueError):
            if place.samefile(path):
                return True
    return False


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BufferedWriter, Path]]:
    """A file in the same folder: a rename is atomic within one file system only.

    It is locked while its writer lives, so that what was left by one that was killed is known.
    """
    _remove_left(path.parent)
    descriptor, temporary = _locked(path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)


def _locked(folder: Path) -> tuple[int, Path]:
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX, suffix=_SUFFIX)
        with suppress(OSError):  # a file system without locks: nobody gets one, nothing is removed
            flock(descriptor, LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # else it was taken for one that was left, just now
            return descriptor, Path(name)
        os.close(descriptor)


def _remove_left(folder: Path) -> None:
    for one in folder.glob(f"{_PREFIX}????????{_SUFFIX}"):
        with suppress(OSError):  # somebody else's, or in use
            descriptor = os.open(one, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
                one.unlink()
            finally:
                os.close(descriptor)

"""Writing a file so that it is there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

from batchcancel.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[BufferedWriter]:
    """Give a file to write into that takes the place of `path` at the end, with mode 0600.

    After an error the old file is untouched; a place that cannot be written is an InputError.
    """
    try:
        with _temporary(path) as (file, temporary):
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="Name a file in a folder that can be written and has room.",
        ) from error


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BufferedWriter, Path]]:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, temporary
    finally:
        temporary.unlink(missing_ok=True)

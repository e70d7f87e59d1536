"""Writing a file so that it is there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from batchcancel.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write into that takes the place of `path` at the end, with mode 0600.

    After an error the old file is untouched; a place that cannot be written is an InputError.
    """
    try:
        with _temporary(path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="Name a file in a folder that can be written.",
        ) from error


@contextmanager
def _temporary(path: Path) -> Iterator[IO[bytes]]:
    # mkstemp, which this uses, gives mode 0600.
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            yield file
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise

"""A file in a store, to be written: the same stores, extras and credentials as for manifests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from batchcancel.addresses import Source, source_of
from batchcancel.errors import BatchcancelError, InputError
from batchcancel.reader.fetch import silence
from batchcancel.reader.store_errors import store_error
from batchcancel.reader.stores import open_store
from batchcancel.stop import in_daemon_thread

LONGEST: Final = 600.0
"""Seconds for a whole upload: the libraries bound single writes, and a slow store never ends."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Stored:
    """A place in a store. It has those methods of a `Path` that an output needs."""

    source: Source

    def __str__(self) -> str:
        return str(self.source)

    @property
    def suffix(self) -> str:
        """The ending of the file's name, with its dot."""
        _, dot, ending = self.source.place.rpartition("/")[2].rpartition(".")
        return dot + ending if dot else ""

    def exists(self) -> bool:
        return bool(self._ask(_is_file))

    def write_bytes(self, content: bytes) -> None:
        """Write it whole or not at all: the stores show nothing of what has not come to its end."""
        self._ask(lambda store, address: store.pipe_file(address, content))

    def unlink(self, *, missing_ok: bool = False) -> None:
        if not missing_ok or self.exists():
            self._ask(lambda store, address: store.rm_file(address))

    def _ask(self, what: Callable[[Any, str], Result]) -> Result:
        """Have it done in a thread of its own, so that a signal is heard meanwhile."""

        def work() -> Result:
            with silence():
                return what(open_store(self.source.scheme, writes=True), self.source.place)

        try:
            return in_daemon_thread(work).result(LONGEST)
        except BatchcancelError:
            raise
        except Exception as error:  # noqa: BLE001 - four libraries, and each raises its own
            # From None: the texts of the libraries may hold keys and whole addresses.
            raise store_error(self.source, error, writes=True) from None


def _is_file(store: Any, address: str) -> bool:
    """Not by `exists`, which takes a refusal for a no."""
    try:
        return bool(store.info(address)["type"] == "file")
    except FileNotFoundError:
        return False


def stored_at(text: str) -> Stored:
    """The place at an address; raises `InputError` where nothing can be written to it."""
    hint = "Name a path, or a file at s3://, gs:// or az://. Nothing was written."
    try:
        source = source_of(text)
    except ValueError as error:  # its sentence repeats no secret, which an address may hold
        raise InputError(f"nothing can be written there: {error}", hint=hint) from None
    if source.scheme == "https" or source.query:
        raise InputError(f"{source} can be read, and not written", hint=hint)
    if not source.stem:
        raise InputError(f"{source} names no file", hint=hint)
    return Stored(source)

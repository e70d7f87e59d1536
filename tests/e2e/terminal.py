"""A person's terminal around the command: what it shows, and what is typed."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.e2e.stage import Stage

_PATIENCE = 30.0


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self._process = process
        self._screen = screen
        self.shown = ""
        self.send_signal = process.send_signal

    def until(self, text: str) -> None:
        while text not in self.shown:
            assert self._read(), f"it ended before it showed {text!r}: {self.shown}"

    def type(self, line: str) -> None:
        os.write(self._screen, f"{line}\n".encode())

    def end(self) -> int:
        while self._read():
            pass
        return self._process.wait(timeout=_PATIENCE)

    def _read(self) -> bool:
        """Read what comes next; False once nobody is left who could show anything."""
        ready, _, _ = select.select([self._screen], [], [], _PATIENCE)
        assert ready, f"nothing happened after {self.shown}"
        try:
            part = os.read(self._screen, 65536)
        except OSError:
            return False
        self.shown += part.decode(errors="replace")
        return bool(part)


@contextmanager
def terminal(
    stage: Stage, *words: str, program: Sequence[str] = (sys.executable, "-m", "batchcancel")
) -> Iterator[Terminal]:
    """Run the command, or another program, with a terminal as its stdin, stdout and stderr."""
    screen, inside = os.openpty()
    with subprocess.Popen(
        [*program, *words],
        cwd=stage.folder,
        env=stage.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
        stdin=inside,
        stdout=inside,
        stderr=inside,
    ) as process:
        os.close(inside)
        person = Terminal(process, screen)
        try:
            yield person
        finally:
            process.kill()
            os.close(screen)
    stage.require_secrecy(person.shown.encode())

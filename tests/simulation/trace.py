"""What happened, line by line: the same seed gives the same text, byte for byte."""

from collections.abc import Callable
from pathlib import Path


class Trace:
    """Events of the world outside the program, in virtual seconds since its beginning.

    `folder` is another one each time, so it is not told.
    """

    def __init__(self, seconds: Callable[[], float], *, folder: Path) -> None:
        self._seconds = seconds
        self._folder = f"{folder}/"
        self._lines: list[str] = []

    def add(self, who: str, what: str) -> None:
        line = f"{self._seconds():13.6f}  {who:<8} {what}"
        self._lines.append(line.replace(self._folder, ""))

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

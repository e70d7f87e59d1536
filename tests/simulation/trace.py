"""What happened, line by line: the same seed gives the same text, byte for byte."""

import os
from collections.abc import Callable
from pathlib import Path


class Trace:
    """Events of the world outside the program, in virtual seconds since its beginning.

    The folder and the number of this process are others each time, so they are not told.
    """

    def __init__(self, seconds: Callable[[], float], *, folder: Path) -> None:
        self._seconds = seconds
        self._untold = {f"{folder}/": "", f"pid {os.getpid()},": "pid 1,"}
        self._lines: list[str] = []

    def add(self, who: str, what: str) -> None:
        for text, instead in self._untold.items():
            what = what.replace(text, instead)
        self._lines.append(f"{self._seconds():13.6f}  {who:<8} {what}")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

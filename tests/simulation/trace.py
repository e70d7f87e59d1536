"""What happened, line by line: the same seed gives the same text, byte for byte."""

import hashlib
from collections.abc import Callable


class Trace:
    """Events of the world outside the program, in virtual seconds since its beginning."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._lines: list[str] = []

    def add(self, who: str, what: str) -> None:
        self._lines.append(f"{self._seconds():13.6f}  {who:<8} {what}")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def tail(self, lines: int) -> str:
        return "\n".join(self._lines[-lines:]) + "\n"

    def digest(self) -> str:
        return hashlib.sha256(self.text().encode()).hexdigest()

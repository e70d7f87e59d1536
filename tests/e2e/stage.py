"""The installed command as a process, in a folder of its own, before a sandbox on a real socket."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from batchcancel.sandbox import Sandbox
from batchcancel.sandbox.keys import SCOPES
from tests.command import Ended, command

RUN = ("run", "closure.csv", "--yes", "--json")
LEDGER = "closure.ledger.db"
FAR = datetime.now(UTC).date() + timedelta(days=30)
"""A day that no notice window reaches."""

_PATIENCE = 60.0


class Running:
    """A process under way."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid
        self.send_signal = process.send_signal
        self.ended: Ended | None = None

    def read_until(self, text: str) -> str:
        shown = ""
        while text not in shown:
            line = self._process.stdout.readline().decode()
            assert line, f"it ended before it said {text!r}"
            shown += line
        return shown

    def kill(self) -> Ended:
        self._process.kill()
        return self.end()

    def end(self, *, stdin: bytes | None = None, within: float = _PATIENCE) -> Ended:
        if self.ended is None:
            out, errors = self._process.communicate(stdin, timeout=within)
            self.ended = Ended(self._process.returncode, (out or b"").decode(), errors.decode())
        return self.ended


class Stage:
    """A folder, a sandbox, a key, and an environment that nothing else gets into."""

    def __init__(self, folder: Path, sandbox: Sandbox, url: str) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.url = url
        self.keys: list[str] = []
        self.environ = _clean(os.environ) | {
            "HUSKYVOICE_API_KEY": self.new_key(*SCOPES),
            "BATCHCANCEL_BASE_URL": url,
            "BATCHCANCEL_RATE": "none",
        }
        self._started: list[Running] = []
        self._ended: list[Ended] = []

    def new_key(self, *scopes: str) -> str:
        """A key that may do so much, and must never show anywhere."""
        key = f"sk_live_never_to_be_shown_{len(self.keys)}"
        self.sandbox.keys.add(key, scopes)
        self.keys.append(key)
        return key

    # What the clinic has, and what it wants to cancel

    def book(self, *ids: str, day: date = FAR, session: str = "Morning") -> None:
        """Appointments known to the sandbox, booked an hour ago."""
        self.sandbox.skew(-timedelta(hours=1))
        for appointment_id in ids:
            self.sandbox.add(appointment_id, date=day, session=session)
        self.sandbox.skew(timedelta(0))

    def closure(self, count: int) -> list[str]:
        """Book so many, and write closure.csv with all of them."""
        ids = [f"a{number:03}" for number in range(1, count + 1)]
        self.book(*ids)
        self.write("closure.csv", ids)
        return ids

    def write(self, name: str, ids: Iterable[str], *, starts_at: str = f"{FAR}T03:30:00Z") -> Path:
        rows = [f"{one},{starts_at}" for one in ids]
        return self.table("appointment_id,starts_at", *rows, name=name)

    def table(self, header: str, *rows: str, name: str = "closure.csv") -> Path:
        """A manifest as it is written here."""
        path = self.folder / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    # The command

    def start(
        self,
        *words: str,
        environ: Mapping[str, str | None] | None = None,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        before: Sequence[str] = (),
    ) -> Running:
        """Start the command, after the words `before`; a variable given as None is taken away."""
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "batchcancel", *words],
            cwd=self.folder,
            env=self._changed(environ),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        running = Running(process)
        self._started.append(running)
        return running

    def run(
        self,
        *words: str,
        stdin: bytes | None = None,
        environ: Mapping[str, str | None] | None = None,
    ) -> Ended:
        source = subprocess.DEVNULL if stdin is None else subprocess.PIPE
        return self.start(*words, environ=environ, stdin=source).end(stdin=stdin)

    def here(self, *words: str, environ: Mapping[str, str | None] | None = None) -> Ended:
        """Run it in this process: much quicker, for what comes before or after what is tested."""
        ended = command(*words, folder=self.folder, environ=self._changed(environ))
        self._ended.append(ended)
        return ended

    def _changed(self, environ: Mapping[str, str | None] | None) -> dict[str, str]:
        changed = self.environ | dict(environ or {})
        return {name: text for name, text in changed.items() if text is not None}

    def tampered(self, code: str) -> dict[str, str]:
        """Variables under which the program runs with `code` executed first."""
        place = self.folder.parent / "tampered"
        place.mkdir()
        (place / "sitecustomize.py").write_text(code)
        paths = (str(place), self.environ.get("PYTHONPATH", ""))
        return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}

    # What the sandbox saw

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    @property
    def arrivals(self) -> int:
        return len(self.sandbox.history)

    def patched(self) -> list[str]:
        """The ids of all PATCH requests, in their order."""
        return [arrival.path.rpartition("/")[2] for arrival in self.sandbox.history.patches()]

    def read_back(self) -> set[str]:
        """The ids whose records were read one by one."""
        paths = [one.path for one in self.sandbox.history.arrivals if one.method == "GET"]
        return {path.rpartition("/")[2] for path in paths if "/appointments/" in path}

    def struck(self, fault: str) -> int:
        return sum(1 for arrival in self.sandbox.history.arrivals if arrival.fault == fault)

    def cancellations(self) -> Counter[str]:
        """How often each appointment was cancelled through the API."""
        changes = self.sandbox.changes()
        return Counter(
            one.appointment_id for one in changes if (one.who, one.after) == ("api", "cancelled")
        )

    # The end

    def close(self) -> None:
        """Stop what still runs, then look for what must never show."""
        for running in self._started:
            if running.ended is None:
                running.kill()
        for ended in [*self._ended, *(running.ended for running in self._started)]:
            self.require_secrecy(ended.stdout.encode() + ended.stderr.encode())
            assert "\x1b" not in ended.stdout + ended.stderr
        for path in self.folder.rglob("*"):
            if path.is_file():
                self.require_secrecy(path.read_bytes())

    def require_secrecy(self, content: bytes) -> None:
        assert not [key for key in self.keys if key.encode() in content]


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text
        for name, text in environ.items()
        if not name.startswith(("BATCHCANCEL_", "HUSKYVOICE_"))
        and not name.lower().endswith("_proxy")
    }

"""The README's four commands that close a day, typed one after the other as they stand there.

Only the sandbox's port and pace are others.
"""

import os
import re
import shlex
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from batchcancel.ledgers.sqlite import read_sqlite
from tests.e2e.terminal import terminal

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = 150


def commands():
    """The four commands; a line that ends with a backslash goes on."""
    block = re.search(r"Four commands, as they stand:\n\n((?:    .*\n)+)", README)[1]
    return re.sub(r"\\\n *", "", block).replace("    ", "").splitlines()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def checkout(stage):
    """A folder with what a checkout has, and the command on the path."""
    (stage.folder / "sample_inputs").symlink_to(ROOT / "sample_inputs")
    command = stage.folder / "bin" / "batchcancel"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m batchcancel "$@"\n')
    command.chmod(0o755)
    stage.environ |= {"PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    yield stage
    with suppress(OSError):
        os.kill(int((stage.folder / "sandbox.pid").read_text()), signal.SIGTERM)


def test_the_four_commands_close_a_day(checkout):
    imitate, *others = commands()
    assert imitate.endswith(" &")
    typed = "\n".join([imitate, "echo $! > sandbox.pid", *others])
    script = (
        typed.replace("sandbox --", f"sandbox --port {(port := free_port())} --")
        .replace("4010", str(port))
        .replace("60/6s", "600/1s")
    )
    with terminal(checkout, script, program=("/bin/sh", "-c")) as person:
        person.until(f"Type the number of appointments to cancel ({ROWS})")
        person.type(str(ROWS))
        person.until("Nothing is left to do.")

    assert 4 == len([imitate, *others])
    account = read_sqlite(checkout.folder / "rehearsal.ledger.db")
    assert [ROWS] == [line.rows for line in account.tally("clinic_closure")]
    account.close()

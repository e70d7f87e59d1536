"""The jobs README's crontab line and systemd units, run as they are written there.

Only the two places are others: the folder that they work in, and the file of the key.
"""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batchcancel.sandbox.keys import SCOPES

ROOT = Path(__file__).parents[2]
README = (ROOT / "jobs" / "README.md").read_text(encoding="utf-8")
FOLDER, KEY = "/srv/batchcancel", "/etc/batchcancel/key"
PATIENCE = 60


@pytest.fixture
def prepared(stage, tmp_path):
    """A folder as the README supposes it, with a manifest for whatever day it is meanwhile."""
    ids = ["a001", "a002", "a003"]
    stage.book(*ids)
    for days in (-1, 0, 1):
        day = datetime.now(UTC) + timedelta(days)
        stage.write(f"marked-{day:%F}.csv", ids)
    (stage.folder / ".venv").symlink_to(sys.prefix)
    (stage.folder / "jobs").mkdir()
    job = (ROOT / "jobs" / "nightly.toml").read_text(encoding="utf-8")
    (stage.folder / "jobs" / "nightly.toml").write_text(f'{job}\nbase-url = "{stage.url}"\n')
    key = tmp_path / "key"
    key.write_text(stage.new_key(*SCOPES))
    key.chmod(0o600)
    yield stage, key
    (stage.folder / ".venv").unlink()


def block_after(words):
    """The indented lines that follow these words."""
    found = re.search(r"\n\n((?:    .*\n|\n)+)", README.split(words, 1)[1])
    return re.sub(r"^    ", "", found[1], flags=re.MULTILINE).strip()


def run(words, *, environ, folder):
    return subprocess.run(
        words, cwd=folder, env=environ, timeout=PATIENCE, capture_output=True, check=False
    )


def test_the_crontab_line_runs_as_cron_would_run_it(prepared):
    stage, key = prepared
    line = block_after("From cron").replace(FOLDER, str(stage.folder)).replace(KEY, str(key))
    *times, command = line.split(maxsplit=5)
    bare = re.split(r"(?<!\\)%", command)
    environ = {"HOME": str(stage.folder), "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    ended = run(["/bin/sh", "-c", bare[0].replace(r"\%", "%")], environ=environ, folder="/")

    assert ["0", "2", "*", "*", "*"] == times
    assert 1 == len(bare), "cron would end the command at a bare %"
    assert (0, b"", b"") == (ended.returncode, ended.stdout, ended.stderr)
    assert ["a001", "a002", "a003"] == sorted(stage.patched())
    assert "3 of 3 rows are cancelled" in (stage.folder / "nightly.log").read_text()


def unit(name):
    """The sections of a unit file."""
    parser = configparser.ConfigParser(interpolation=None, strict=True, delimiters="=")
    parser.optionxform = str
    parser.read_string(block_after(f"`{name}`"))
    return parser


def words_of(command):
    """Split and unescape a command as systemd does; no variable is left for it to fill in."""
    assert not re.search(r"%(?!%)", command.replace("%%", ""))
    words = shlex.split(command.replace("%%", "%"))
    assert not re.search(r"\$", "".join(words).replace("$$", ""))
    return [word.replace("$$", "$") for word in words]


@pytest.mark.long
def test_the_service_runs_as_systemd_would_run_it(prepared, tmp_path):
    stage, key = prepared
    service = unit("batchcancel.service")["Service"]
    name, _, place = service["LoadCredential"].partition(":")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    shutil.copy(key, credentials / name)
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(credentials)}
    ended = run(words_of(service["ExecStart"]), environ=environ, folder=stage.folder)

    assert (FOLDER, KEY) == (service["WorkingDirectory"], place)
    assert 0 == ended.returncode, ended.stderr
    assert ["a001", "a002", "a003"] == sorted(stage.patched())
    assert b"3 of 3 rows are cancelled" in ended.stdout


def test_the_service_is_given_longer_to_stop_than_the_drain_takes():
    service = unit("batchcancel.service")["Service"]
    assert ("oneshot", True) == (service["Type"], int(service["TimeoutStopSec"]) > 3)


def test_the_timer_starts_the_service_at_the_hour_of_the_crontab_line():
    timer = unit("batchcancel.timer")

    assert {"OnCalendar": "*-*-* 02:00", "Persistent": "true"} == dict(timer["Timer"])
    assert "timers.target" == timer["Install"]["WantedBy"]

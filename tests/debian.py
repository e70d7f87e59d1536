"""Debian's PostgreSQL 15 and PgBouncer, installed or unpacked by `.ci/run`: no service is started.

Neither runs as root, nor from a folder that only root may enter: then they run from a copy.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.postgres import Server, serving

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
_INSTALLED = Path("/usr")
_TREES = (_INSTALLED, _CACHE / "batchcancel" / "tools" / "usr")
_USER = "pgserver"
POSTGRES, BOUNCER = "lib/postgresql/15/bin", "sbin/pgbouncer"
_PARTS = ("lib/postgresql/15", "share/postgresql/15", "sbin", "lib/*-linux-gnu*")
_PATIENCE_S = 10.0


@contextmanager
def usable(what: str) -> Iterator[Path]:
    """The path of a program or its folder; the test is skipped where there is none."""
    tree = next((one for one in _TREES if (one / what).exists()), None)
    if tree is None:
        pytest.skip(f"{what} is neither installed nor unpacked")
    if tree == _INSTALLED:
        yield tree / what
        return
    with tempfile.TemporaryDirectory(prefix="debian-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        for part in _PARTS:
            for one in tree.glob(part):
                copy = Path(folder, one.relative_to(tree))
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copytree(one, copy, symlinks=True, ignore=shutil.ignore_patterns("bitcode"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LD_LIBRARY_PATH", ":".join(map(str, Path(folder).glob(_PARTS[-1]))))
            yield Path(folder, what)


@contextmanager
def postgres_15() -> Iterator[Server]:
    with usable(POSTGRES) as programs, serving(version=15, programs=programs) as server:
        yield server


@contextmanager
def pooled(server: Server, mode: str) -> Iterator[Callable[[str], str]]:
    """What gives the URL of a database behind a PgBouncer, which hands four sessions to many."""
    with usable(BOUNCER) as program, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = Path(folder, "pgbouncer.ini")
        settings.write_text(
            f"[databases]\n* = host={server.socket.parent} port={server.port} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = {mode}\ndefault_pool_size = 4\nserver_idle_timeout = 1\n"
        )
        is_root = os.geteuid() == 0
        bouncer = subprocess.Popen(
            [program, "-q", settings], user=_USER if is_root else None, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for(port)
            host = f"127.0.0.1:{port}"
            yield (
                lambda url: (
                    f"postgresql://postgres@{host}/{conninfo_to_dict(url)['dbname']}?sslmode=disable"
                )
            )
        finally:
            bouncer.terminate()
            bouncer.wait()


def _wait_for(port: int) -> None:
    over = time.monotonic() + _PATIENCE_S
    while time.monotonic() < over:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError("PgBouncer does not listen")

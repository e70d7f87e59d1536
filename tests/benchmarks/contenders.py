"""Three ways to cancel a list of appointments without a rate limit; each gives its own seconds."""

import importlib
import ssl
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import httpx

from batchcancel.commands.run import run
from batchcancel.events import Event, RunStarted
from batchcancel.sandbox import FULL_KEY
from batchcancel.settings.load import load_settings
from batchcancel.stop import Stop

WORKERS = 32
_HEADERS = {"Authorization": f"Bearer {FULL_KEY}"}
_BODY = {"status": "cancelled"}


class _Timed:
    """Looks at the clock when planning and enrolling are over and the workers begin."""

    def __init__(self) -> None:
        self.began = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.began = time.perf_counter()


def program(base_url: str, ids: list[str]) -> float:
    """The whole program in this process, its ledger on disk.

    Timed from the start of the workers to the end of the run: every outcome is durable by then.
    """
    watching = _Timed()

    async def main(folder: Path) -> float:
        manifest = folder / "closure.csv"
        manifest.write_text("\n".join(["appointment_id", *ids]) + "\n")
        flags = {"base_url": base_url, "rate": "none", "concurrency": str(WORKERS)}
        settings = load_settings(
            str(manifest),
            flags=flags | {"notice_hours": "0", "timezone": "UTC"},
            environ={"HUSKYVOICE_API_KEY": FULL_KEY},
        )
        finished = await run(
            settings, run_id="run", stop=Stop(), observe=watching, confirm=lambda _: None
        )
        seconds = time.perf_counter() - watching.began
        if finished.summary.counts["cancelled"] != len(ids):
            raise RuntimeError(f"not everything was cancelled: {finished}")
        return seconds

    with TemporaryDirectory() as folder:
        return anyio.run(main, Path(folder))


def bare_loop(base_url: str, ids: list[str]) -> float:
    """As many tasks, each with an httpx client and a connection of its own, and nothing else."""
    context = ssl.create_default_context()
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)

    async def work(client: httpx.AsyncClient, left: Iterator[str]) -> None:
        for one in left:
            response = await client.patch(f"{base_url}/appointments/{one}", json=_BODY)
            response.raise_for_status()

    async def main() -> float:
        clients = [
            httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(verify=context, limits=limits), headers=_HEADERS
            )
            for _ in range(WORKERS)
        ]
        left = iter(ids)
        began = time.perf_counter()
        async with anyio.create_task_group() as group:
            for client in clients:
                group.start_soon(work, client, left)
        seconds = time.perf_counter() - began
        for client in clients:
            await client.aclose()
        return seconds

    return anyio.run(main)


def documented_loop(base_url: str, ids: list[str]) -> float:
    """The loop in HuskyVoice's documentation: one after another, no session."""
    patch = _documented_patch()
    began = time.perf_counter()
    for one in ids:
        patch(f"{base_url}/appointments/{one}", headers=_HEADERS, json=_BODY).raise_for_status()
    return time.perf_counter() - began


def documented_client() -> str:
    """`requests` is what the documentation uses; it is no dependency of ours."""
    return "requests" if find_spec("requests") else "httpx"


def _documented_patch() -> Callable[..., httpx.Response]:
    return importlib.import_module(documented_client()).patch

"""A folder that is watched for manifests, so that each starts a Dag."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.common.compat.sdk import ObjectStoragePath
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from batchcancel.airflow.batch_name import named


class ManifestTrigger(BaseEventTrigger):
    """Tells of each manifest in a folder, or in a bucket, as `{"manifest": its address}`.

    Not before a look finds it as the look before did: whoever writes it may not be done. What was
    told is remembered with the asset, where Airflow can (from 3.3 on), across restarts of the
    triggerer; a file that was replaced is told again. At a loss it tells twice, and never not at
    all: whoever hears it has to name the batch by the file.
    """

    def __init__(self, *, folder: str, pattern: str = "*.csv", every: float = 30.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.pattern = pattern
        self.every = every

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The trigger as Airflow keeps it."""
        kwargs = {"folder": self.folder, "pattern": self.pattern, "every": self.every}
        return f"{type(self).__module__}.{type(self).__name__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        before: dict[str, str] = {}
        told: dict[str, str] = {}
        while True:
            there = await asyncio.to_thread(self._look)
            new = {
                manifest: state
                for manifest, state in sorted(there.items())
                if before.get(manifest) == state != told.get(manifest)
            }
            for manifest, state in new.items():
                if not await self._is_known(manifest, state):
                    yield TriggerEvent({"manifest": manifest})  # type: ignore[no-untyped-call]
            before = there
            await asyncio.sleep(self.every)
            # Only now: an event that Airflow did not get to keep would be lost for good.
            for manifest, state in new.items():
                await self._keep(manifest, state)
            told |= new

    def _look(self) -> dict[str, str]:
        """Each file, and what of it changes when it is replaced; nothing where nobody can look."""
        try:
            found = list(ObjectStoragePath(self.folder).glob(self.pattern))
            return {one.path if one.protocol == "file" else str(one): _state(one) for one in found}
        except Exception as error:  # noqa: BLE001 - each store raises its own; the next look may do
            self.log.warning("nobody can look into %s: %s", self.folder, type(error).__name__)
            return {}

    async def _is_known(self, manifest: str, state: str) -> bool:
        kept = getattr(self, "asset_state_store", None)
        return kept is not None and await kept.aget(named(manifest)) == state

    async def _keep(self, manifest: str, state: str) -> None:
        if (kept := getattr(self, "asset_state_store", None)) is not None:
            await kept.aset(named(manifest), state)


def _state(path: Any) -> str:
    told = path.stat()
    return f"{told.st_size} {told.st_mtime}"

"""The stage of the whole program: a process, a ledger on the disk, a sandbox on a socket."""

from tests.crashes.scene import scene
from tests.e2e.conftest import new_stage, stage

__all__ = ["new_stage", "scene", "stage"]

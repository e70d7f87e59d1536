"""The stage every test plays on."""

from contextlib import ExitStack

import pytest

from batchcancel.sandbox import Clinic, Rate, Sandbox, serving
from tests.e2e.stage import Stage


@pytest.fixture
def new_stage(tmp_path):
    """Set a stage before a clinic with a rate limit (by default none); its end finds leaks."""
    with ExitStack() as stack:

        def new_stage(*, limit=None, seconds=1.0, **clinic):
            sandbox = Sandbox(
                Clinic(appointments=0, **clinic), rate=Rate(limit=limit, seconds=seconds)
            )
            folder = tmp_path / "folder"
            folder.mkdir()
            stage = Stage(folder, sandbox, stack.enter_context(serving(sandbox)))
            stack.callback(stage.close)
            return stage

        yield new_stage


@pytest.fixture
def stage(new_stage):
    return new_stage()

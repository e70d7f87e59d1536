"""The command in this process: quicker than a new one, and the same in all but its process id."""

import io
import json
import os
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from batchcancel.cli.main import main

_STATES = (
    "cancelled", "already_cancelled", "rejected_rows", "not_found", "refused", "gave_up",
    "needs_review", "restored", "open", "waiting",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that is over."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """The one line of `run --json`, held against the sum of its states and the exit code."""
        [line] = self.stdout.splitlines()
        result = json.loads(line)
        states = sum(result[name] for name in _STATES) + sum(result["skipped"].values())
        assert (states, self.returncode) == (result["rows"], result["exit_code"])
        return result

    @property
    def counts(self) -> dict[str, int]:
        """The states that have rows; skipped rows by their reasons."""
        result = self.result
        return {name: result[name] for name in _STATES if result[name]} | result["skipped"]


def command(*words: str, folder: Path, environ: Mapping[str, str]) -> Ended:
    """Run it in a folder with nothing but this environment; how it ended, and what it showed."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environ, clear=True),
        patch.object(sys, "argv", ["batchcancel", *words]),
        chdir(folder),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Ended(ended.value.code, out.getvalue(), err.getvalue())

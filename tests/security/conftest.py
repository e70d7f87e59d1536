"""The command in this process, before a sandbox on a socket, with things that must never show."""

import io
import logging
import os
import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
import structlog

from batchcancel.cli.main import main
from batchcancel.sandbox import Clinic, Rate, Sandbox, serving
from batchcancel.sandbox.keys import SCOPES
from tests.security.impostor import Impostor

KEY = "sk_live_canary_9c41d7"
NAME, PHONE = "Canary Kumari", "+919812345670"
PERSONAL = (NAME, PHONE, "Canary", "9812345670")
DAY = date(2099, 6, 20)


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


class Place:
    """A folder, a sandbox with canaries in its records, and the command."""

    def __init__(self, folder, sandbox, url, monkeypatch):
        self.folder = folder
        self.sandbox = sandbox
        self.impostor = sandbox.app
        self.url = url
        self._monkeypatch = monkeypatch
        self.shown = ""
        sandbox.keys.add(KEY, SCOPES)

    def appointments(self, *ids):
        """Records that hold a name and a phone."""
        for appointment_id in ids:
            record = self.sandbox.add(appointment_id, date=DAY)
            self.sandbox.book.put(replace(record, patient_name=NAME, parent_phone=PHONE))

    def manifest(self, *ids):
        """A manifest with more in it than is needed, and notes about somebody."""
        header = "appointment_id,starts_at,patient_name,parent_phone,notes"
        rows = [f"{one},{DAY}T03:30:00Z,{NAME},{PHONE},Call {NAME}" for one in ids]
        (self.folder / "closure.csv").write_text("\n".join([header, *rows]) + "\n")

    def __call__(self, *words, **environ):
        """Run the command; `HUSKYVOICE_API_KEY` and the like may be named."""
        told = {
            "HUSKYVOICE_API_KEY": KEY,
            "BATCHCANCEL_BASE_URL": self.url,
            "BATCHCANCEL_RATE": "none",
        } | environ
        out, err = io.StringIO(), io.StringIO()
        structlog.reset_defaults()
        with self._monkeypatch.context() as patch:
            patch.setattr(os, "environ", _without_ours() | told)
            patch.setattr(sys, "argv", ["batchcancel", *words])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            patch.chdir(self.folder)
            with pytest.raises(SystemExit) as ended:
                main()
        self.shown += out.getvalue() + err.getvalue()
        return Ended(ended.value.code, out.getvalue(), err.getvalue())

    def written(self):
        """Every byte the program wrote to the folder."""
        files = [path for path in self.folder.rglob("*") if path.name != "closure.csv"]
        return b"".join(path.read_bytes() for path in files if path.is_file())

    def leaks(self, *secrets):
        """Which of these stand in what was shown or written, in any usual encoding."""
        everything = self.shown.encode() + self.written()
        return {
            secret
            for secret in secrets
            for encoding in ("utf-8", "utf-16-le")
            if secret.encode(encoding) in everything
        }


def _without_ours():
    return {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("BATCHCANCEL_", "HUSKYVOICE_"))
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch):
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore")}
    sandbox = Sandbox(Clinic(appointments=0), rate=Rate(limit=None))
    sandbox.app = Impostor(sandbox.app)
    with serving(sandbox) as url:
        yield Place(tmp_path, sandbox, url, monkeypatch)
    structlog.reset_defaults()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)

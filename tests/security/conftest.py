"""The command before a sandbox on a socket, with things that must never show."""

import os
from dataclasses import replace
from datetime import date

import pytest

from batchcancel.sandbox import Clinic, Rate, Sandbox, serving
from batchcancel.sandbox.keys import SCOPES
from tests.command import command
from tests.security.impostor import Impostor

KEY = "sk_live_canary_9c41d7"
NAME, PHONE = "Canary Kumari", "+919812345670"
PERSONAL = (NAME, PHONE, "Canary", "9812345670")
DAY = date(2099, 6, 20)


class Place:
    """A folder, a sandbox with canaries in its records, and the command."""

    def __init__(self, folder, sandbox, url, state_home):
        self.folder = folder
        self.state = state_home / "batchcancel"
        self.sandbox = sandbox
        self.impostor = sandbox.app
        self.shown = ""
        sandbox.keys.add(KEY, SCOPES)
        self._environ = {
            "PATH": os.environ["PATH"],
            "XDG_STATE_HOME": str(state_home),
            "HUSKYVOICE_API_KEY": KEY,
            "BATCHCANCEL_BASE_URL": url,
            "BATCHCANCEL_RATE": "none",
        }

    def closure(self, *ids):
        """Records that hold a name and a phone, and a manifest with more in it than is needed."""
        for appointment_id in ids:
            record = self.sandbox.add(appointment_id, date=DAY)
            self.sandbox.book.put(replace(record, patient_name=NAME, parent_phone=PHONE))
        header = "appointment_id,starts_at,patient_name,parent_phone,notes"
        rows = [f"{one},{DAY}T03:30:00Z,{NAME},{PHONE},Call {NAME}" for one in ids]
        (self.folder / "closure.csv").write_text("\n".join([header, *rows]) + "\n")

    def __call__(self, *words, **environ):
        """Run the command, with some variables changed."""
        ended = command(*words, folder=self.folder, environ=self._environ | environ)
        self.shown += ended.stdout + ended.stderr
        return ended

    def leaks(self, *secrets):
        """Which of these stand in what was shown, or in any file but the manifest."""
        found = [*self.folder.rglob("*"), *self.state.rglob("*")]
        files = [path for path in found if path.name != "closure.csv"]
        written = b"".join(path.read_bytes() for path in files if path.is_file())
        everything = self.shown.encode() + written
        return {
            secret
            for secret in secrets
            for encoding in ("utf-8", "utf-16-le")
            if secret.encode(encoding) in everything
        }


@pytest.fixture
def place(tmp_path, state_home):
    sandbox = Sandbox(Clinic(appointments=0), rate=Rate(limit=None))
    sandbox.app = Impostor(sandbox.app)
    with serving(sandbox) as url:
        yield Place(tmp_path, sandbox, url, state_home)

"""Certificates that nobody vouches for, made for one test."""

import shutil
import subprocess
from pathlib import Path

import pytest


def self_signed(folder: Path, subject: str, *, days: int) -> Path:
    """Make `certificate.pem` and `key.pem` in a folder, for a subject like `IP:127.0.0.1`."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make certificates with")
    (folder / "names").write_text(f"subjectAltName={subject}")
    key = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test"
    signed = f"x509 -req -in request.pem -signkey key.pem -days {days} -extfile names"
    for words in (f"{key} -keyout key.pem -out request.pem", f"{signed} -out certificate.pem"):
        command = ["openssl", *words.split()]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder

"""What is left of a SQLite ledger when its writer is killed."""

import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from batchcancel.errors import BatchHeld
from batchcancel.ledger.sqlite.ledger import open_sqlite, read_sqlite
from tests.ledger.conftest import WHO

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from batchcancel.appointments import Outcome, OutcomeName, SkipReason
from batchcancel.ledger.contract import Batch, Intent, LedgerRow, Run
from batchcancel.ledger.sqlite.ledger import open_sqlite

now = datetime(2026, 11, 3, 12, tzinfo=UTC)
ledger = open_sqlite(Path(sys.argv[1]), origin="https://api.example.test", key="key-fingerprint")
ledger.hold(Run(run_id="killed", batch="closure", started_at=now))
counts = dict(rows=2, rejected_rows=0, duplicates=0)
batch = Batch(name="closure", origin="https://api.example.test", digest="d", **counts)
ledger.enrol(batch, [LedgerRow(one, now, None, None, None) for one in "ab"], [])
ledger.commit([Intent(request=1, appointment_id="a", attempt=1, at=now, opened_at=now)])

def never_ending():
    yield "b", Outcome(OutcomeName.SKIPPED, SkipReason.NOTICE_WINDOW)
    print("in the middle of a transaction", flush=True)
    sys.stdin.read()

ledger.decide("closure", never_ending())
"""
STANDING = {"a": "open", "b": "waiting"}


@contextmanager
def running(path):
    """Another process that committed an intent, and is in the middle of the next transaction."""
    command = [sys.executable, "-c", RUN, str(path)]
    how = {"cwd": ROOT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **how) as process:
        try:
            assert process.stdout.readline() == b"in the middle of a transaction\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def killed(tmp_path):
    path = tmp_path / "closure.ledger.db"
    with running(path) as process:
        process.kill()
    assert process.returncode == -signal.SIGKILL
    return path


def test_a_ledger_in_use_by_another_process_is_refused(tmp_path):
    path = tmp_path / "closure.ledger.db"
    with running(path) as process, pytest.raises(BatchHeld) as refusal:
        open_sqlite(path, **WHO)
    assert f"pid {process.pid}, run killed of batch closure" in refusal.value.message


def test_a_ledger_in_use_by_another_process_can_be_read(tmp_path):
    path = tmp_path / "closure.ledger.db"
    with running(path), closing(read_sqlite(path)) as reader:
        assert {row.appointment_id: row.state for row in reader.rows("closure")} == STANDING


@pytest.mark.parametrize("opened", [read_sqlite, partial(open_sqlite, **WHO)])
def test_what_was_committed_is_kept_what_was_not_is_gone_and_the_run_has_no_end(killed, opened):
    with closing(opened(killed)) as ledger:
        (run,) = ledger.runs("closure")
        assert {row.appointment_id: row.state for row in ledger.rows("closure")} == STANDING
    assert (run.run_id, run.ended_at, run.exit_code) == ("killed", None, None)
    open_sqlite(killed, **WHO).close()
    assert [file.name for file in killed.parent.iterdir()] == [killed.name]

import json
from datetime import UTC, datetime, timedelta

import pytest

from batchcancel.ledger.contract import Batch, Run
from batchcancel.ledger.questions import LedgerReader
from batchcancel.ledger.sqlite.ledger import open_sqlite
from tests.command import command

NOW, ORIGIN = datetime(2026, 6, 1, tzinfo=UTC), "https://h.example"
NIGHTS = [f"night-{number:02d}" for number in range(23)]


@pytest.fixture
def folder(tmp_path):
    """A ledger of 23 nights."""
    ledger = open_sqlite(tmp_path / "nightly.ledger.db", origin=ORIGIN, key="fingerprint")
    for number, name in enumerate(NIGHTS):
        run = Run(run_id=name, batch=name, started_at=NOW + timedelta(days=number))
        ledger.hold(run)
        night = Batch(name=name, origin=ORIGIN, digest=name, rows=0, rejected_rows=0, duplicates=0)
        ledger.enrol(night, [], [])
        ledger.finish(run)
    ledger.close()
    return tmp_path


def test_of_many_batches_the_latest_20_are_shown_the_latest_first(folder):
    told = command("status", "nightly.ledger.db", folder=folder, environ={}).stdout

    heads = [line.split()[1] for line in told.splitlines() if line.startswith("Batch ")]
    assert heads == NIGHTS[:2:-1]
    assert told.endswith("\n3 earlier batches are not shown: --batch NAME shows one of them.\n")


def test_batches_that_are_not_shown_cost_no_more_than_a_list_of_them(folder, monkeypatch):
    asked, list_all = [], LedgerReader.batches
    monkeypatch.setattr(LedgerReader, "batches", lambda one: asked.append(one) or list_all(one))
    command("status", "nightly.ledger.db", folder=folder, environ={})

    assert 2 == len(asked)


def test_for_machines_there_is_a_line_of_every_batch_the_latest_last(folder):
    told = command("status", "nightly.ledger.db", "--json", folder=folder, environ={}).stdout

    lines = [json.loads(line) for line in told.splitlines()]
    assert [line["batch"] for line in lines] == NIGHTS
    assert {0} == {line["exit_code"] for line in lines}

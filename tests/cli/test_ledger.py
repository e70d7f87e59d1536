"""batchcancel ledger prune, as it is typed."""

import json
from datetime import UTC, datetime

import pytest

from batchcancel.ledger.contract import Batch, Run
from batchcancel.ledger.sqlite.ledger import open_sqlite
from tests.command import command

ORIGIN = "https://h.example"
PRUNE = ("ledger", "prune", "--older-than", "90d")


@pytest.fixture
def prune(tmp_path):
    """Of twelve nights of 2025 and one of today, by what is typed after the days."""
    ledger = open_sqlite(tmp_path / "nightly.ledger.db", origin=ORIGIN, key="fingerprint")
    began = [datetime(2025, 6, one + 1, tzinfo=UTC) for one in range(12)]
    for number, at in enumerate([*began, datetime.now(UTC)]):
        name = f"night-{number:02d}"
        run = Run(run_id=name, batch=name, started_at=at, ended_at=at, exit_code=0)
        ledger.hold(run)
        night = Batch(name=name, origin=ORIGIN, digest=name, rows=0, rejected_rows=0, duplicates=0)
        ledger.enrol(night, [], [])
        ledger.finish(run)
    ledger.close()

    def prune(*words, named="nightly.ledger.db"):
        return command(*PRUNE, named, *words, folder=tmp_path, environ={})

    return prune


def test_a_look_names_what_would_go_and_leaves_it(prune):
    looked, again = prune("-n"), prune("-n", "--json")
    told = json.loads(again.stdout)

    assert [0, 0] == [looked.returncode, again.returncode]
    assert looked.stdout.startswith("12 batches with 0 rows were finished before ")
    assert "night-00" in looked.stdout
    assert "night-09 and 2 more.\n1 batch stays: " in looked.stdout
    assert (12, 1, {}) == (told["batches"], told["kept"], told["forgotten"])


def test_it_asks_and_forgets_only_where_somebody_agrees(prune):
    refused, done, again = prune(), prune("--yes"), prune("--yes", "--json")

    assert (3, 0, 0) == (refused.returncode, done.returncode, again.returncode)
    assert "Pass --yes to forget" in refused.stderr
    assert "Forgotten: 12 batches, 0 rows, 12 runs, 0 requests. 1 batch stays.\n" == done.stdout
    assert 0 == json.loads(again.stdout)["batches"]


def test_the_manifest_beside_it_names_it_too(prune, tmp_path):
    (tmp_path / "nightly.csv").write_text("appointment_id\n")
    told = [prune("-n", "--json", named=one).stdout for one in ("nightly.csv", "nightly.ledger.db")]
    assert [12, 12] == [json.loads(one)["batches"] for one in told]


@pytest.mark.parametrize("days", ["0d", "ninety", "1h", "-3", ""])
def test_what_is_no_number_of_days_changes_nothing(prune, days):
    ended = prune("--older-than", days, "--yes")
    assert 2 == ended.returncode
    assert "no number of days" in ended.stderr
    assert 12 == json.loads(prune("-n", "--json").stdout)["batches"]

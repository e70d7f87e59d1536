"""Killed anywhere with its account in a database, a run is taken over, and ends the same."""

from contextlib import closing

import pytest

from batchcancel.ledger.open import read_ledger
from tests.command import command
from tests.crashes.boundaries import BOUNDARIES
from tests.crashes.scene import ALONE, PLAIN, end_with, run_until
from tests.sample import sampled


@pytest.fixture
def elsewhere(scene, database):
    scene.environ["BATCHCANCEL_LEDGER"] = database
    return scene


@pytest.mark.promise(2)
@pytest.mark.promise(12)
@pytest.mark.parametrize("boundary", sampled(range(1, BOUNDARIES + 1), every=36, first=3))
def test_a_run_killed_at_any_boundary_ends_like_one_that_was_not_when_taken_over(
    elsewhere, postgres, database, boundary
):
    killed, passed = run_until(elsewhere, boundary)
    with closing(read_ledger(database)) as ledger:
        done = set(ledger.settled_ids("closure"))
        in_doubt = {one.appointment_id for one in ledger.open_rows("closure")}
    sent = len(elsewhere.patched())
    postgres.execute(
        "UPDATE batchcancel.leases SET expires_at = now(), written_by = txid_current()",
        url=database,
    )
    resumed = command(*ALONE, folder=elsewhere.folder, environ=elsewhere.environ)

    assert (-9, boundary) == (killed.returncode, len(passed))
    assert (4, end_with(in_doubt)) == (resumed.returncode, resumed.counts)
    assert {PLAIN: 1} == elsewhere.cancellations()
    assert done.isdisjoint(elsewhere.patched()[sent:])

"""A database that lost what it had said was written: in numbers, with a real server."""

import shutil
from collections import Counter

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import RUN

pytestmark = [pytest.mark.long, pytest.mark.promise(2)]


@pytest.fixture
def lossy(stage, mortal_postgres):
    stage.environ |= {
        "BATCHCANCEL_LEDGER": mortal_postgres.database(),
        "BATCHCANCEL_STATE_DIR": str(stage.folder / "state"),
    }
    stage.ids = stage.closure(120)
    slow = Fault("slow", seconds=0.05)
    stage.sandbox.faults.add(slow, method="PATCH", times=None)
    return stage


def confirmed_again(stage, lost):
    """Staff confirm three of those that the ledger does not know of."""
    for one in lost[:3]:
        stage.sandbox.staff.confirm(one)
    return {*lost[:3]}


def resumed(stage, mortal_postgres):
    """The same command, when the lease that was restored too is over."""
    url = stage.environ["BATCHCANCEL_LEDGER"]
    sql = "UPDATE batchcancel.leases SET expires_at = now(), written_by = txid_current()"
    mortal_postgres.execute(sql, url=url)
    return stage.here(*RUN)


@pytest.mark.parametrize("is_promoted", [True, False], ids=["failover", "copy of the disk"])
def test_a_run_says_what_was_lost_and_the_next_sends_none_of_it_again(
    lossy, mortal_postgres, is_promoted
):
    run = lossy.start(*RUN, "--concurrency", "4")
    lossy.wait_until(lambda: len(lossy.patched()) >= 10)
    with mortal_postgres.forgetting(is_promoted=is_promoted):
        known = len(lossy.patched())
        lossy.wait_until(lambda: len(lossy.patched()) >= known + 30)
    stopped = run.end(within=60)
    lost = lossy.patched()[known:]
    again = confirmed_again(lossy, lost)
    ended = resumed(lossy, mortal_postgres)
    sent = Counter(lossy.patched())
    print(f"{len(lost)} lost, {sum(many > 1 for many in sent.values())} sent twice")

    assert 5 == stopped.returncode
    assert "the ledger lost its last" in stopped.stderr
    assert "another run" not in stopped.stderr
    assert (4, {"cancelled": 117, "needs_review": 3}) == (ended.returncode, ended.counts)
    assert Counter(lossy.ids) == sent
    assert again.isdisjoint(lossy.patched()[known + len(lost) :])


def test_another_host_finds_a_failover_by_the_servers_timeline(lossy, mortal_postgres):
    early = lossy.here(*RUN, "--limit", "10")
    with mortal_postgres.forgetting(is_promoted=True):
        lossy.here(*RUN, "--limit", "50")
    again = confirmed_again(lossy, lossy.patched()[10:])
    shutil.rmtree(lossy.folder / "state")  # as there
    ended = lossy.here(*RUN)

    assert 10 == early.counts["cancelled"]
    assert (4, {"cancelled": 117, "needs_review": 3}) == (ended.returncode, ended.counts)
    assert Counter(lossy.ids) == Counter(lossy.patched())
    assert again.isdisjoint(lossy.patched()[50:])


def test_a_failover_that_lost_nothing_costs_this_host_nothing(lossy, mortal_postgres):
    with mortal_postgres.forgetting(is_promoted=True):
        pass
    lossy.here(*RUN, "--limit", "10")
    with mortal_postgres.forgetting(is_promoted=True):
        pass
    ended = lossy.here(*RUN)
    assert (0, {"cancelled": 120}) == (ended.returncode, ended.counts)
    assert "ledger lost" not in ended.stderr

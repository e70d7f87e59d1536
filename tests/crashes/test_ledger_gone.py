"""What becomes of a run whose ledger is taken away, or was made elsewhere."""

from collections import Counter

import pytest

from batchcancel.sandbox import Fault
from tests.e2e.stage import LEDGER, RUN


def test_a_ledger_deleted_between_two_runs_is_missed_and_no_row_is_sent_again(stage):
    ids = stage.closure(3)
    stage.here(*RUN)
    (stage.folder / LEDGER).unlink()
    status = stage.here("status", LEDGER)
    again = stage.here(*RUN)

    assert status.returncode == 2
    assert "there is no ledger" in status.stderr
    assert (0, {"already_cancelled": 3}) == (again.returncode, again.counts)
    assert Counter(ids) == Counter(stage.patched())
    assert Counter(ids) == stage.cancellations()


@pytest.mark.promise(13)
@pytest.mark.parametrize("how", ["deleted", "replaced", "emptied"])
def test_a_ledger_taken_away_in_the_middle_ends_the_sending(stage, how):
    ids = stage.closure(40)
    stage.sandbox.faults.add(Fault("slow", seconds=0.05), method="PATCH", times=None)
    run = stage.start(*RUN, "--concurrency", "2")
    stage.wait_until(lambda: len(stage.patched()) >= 5)
    if how != "emptied":
        (stage.folder / LEDGER).unlink()
    if how != "deleted":
        (stage.folder / LEDGER).write_bytes(b"")
    taken_away = len(stage.patched())
    stopped = run.end()

    assert stopped.returncode == 5
    assert len(stage.patched()) <= taken_away + 4 < len(ids)
    assert "Traceback" not in stopped.stderr


@pytest.mark.long
@pytest.mark.promise(13)
def test_a_disk_without_any_room_is_told_before_anything_is_sent(stage):
    stage.closure(2)
    no_room = ("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
    ended = stage.start(*RUN, before=no_room).end()

    assert ended.returncode == 2
    assert LEDGER in ended.stderr
    assert 0 == stage.arrivals
    assert 0 == stage.here(*RUN).returncode

from collections import Counter

import pytest

from tests.e2e.stage import RUN


@pytest.fixture
def paced_stage(new_stage):
    """Set a stage where no window may ever see more arrivals than the limit, refused or not."""
    stages = []

    def paced(limit, seconds):
        stage = new_stage(limit=limit, seconds=seconds)
        stage.environ["BATCHCANCEL_RATE"] = f"{limit}/{seconds}s"
        stages.append((stage, limit))
        return stage

    yield paced
    for stage, limit in stages:
        assert 0 == stage.sandbox.history.rate_limited
        assert stage.sandbox.most_arrivals <= limit


def test_no_window_sees_more_requests_than_allowed(paced_stage):
    stage = paced_stage(limit=30, seconds=1)
    stage.closure(80)

    assert {"cancelled": 80} == stage.run(*RUN).counts


@pytest.mark.long
def test_the_window_survives_a_kill_9(paced_stage):
    stage = paced_stage(limit=20, seconds=3)
    ids = stage.closure(50)
    run = stage.start(*RUN, "--timeout", "3")
    stage.wait_until(lambda: len(stage.patched()) == 19)
    run.kill()
    resumed = stage.run(*RUN, "--timeout", "3")

    assert {"cancelled": 50} == resumed.counts
    assert Counter(ids) == stage.cancellations()


@pytest.mark.long
def test_the_requests_of_a_plan_count_in_the_run_that_follows(paced_stage):
    stage = paced_stage(limit=6, seconds=4)
    ids = stage.closure(4)
    (stage.folder / "closure.csv").write_text("\n".join(["appointment_id", *ids]))
    planned = stage.run("plan", "closure.csv")
    asked = stage.arrivals
    ended = stage.run(*RUN)

    assert (0, 4) == (planned.returncode, asked)
    assert (0, {"cancelled": 4}) == (ended.returncode, ended.counts)


def test_a_run_without_a_limit_of_its_own_waits_out_every_429(new_stage):
    stage = new_stage(limit=10, seconds=1)
    stage.closure(15)
    ended = stage.run(*RUN)

    assert (0, {"cancelled": 15}) == (ended.returncode, ended.counts)
    assert 0 < ended.result["rate_limited"] == stage.sandbox.history.rate_limited

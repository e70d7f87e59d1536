import pytest

from batchcancel.sandbox import Clinic, Fault, Rate, Sandbox, SeededFaults, parse_faults

pytestmark = pytest.mark.anyio
ID = "appt_000001"


async def test_an_ordered_fault_meets_only_matching_requests_after_the_skipped_ones(
    cancel, client, sandbox
):
    sandbox.faults.add(Fault("status"), method="PATCH", appointment_id=ID, times=2, skip=1)
    others = [await cancel("appt_000002"), await client.get(f"/appointments/{ID}")]
    mine = [(await cancel()).status_code for _ in range(5)]

    assert [answer.status_code for answer in others] == [200, 200]
    assert mine == [200, 500, 500, 200, 200]


async def test_faults_ordered_together_follow_one_another(cancel, sandbox):
    sandbox.faults.add(Fault("status", status=500))
    sandbox.faults.add(Fault("status", status=503))

    assert [(await cancel()).status_code for _ in range(3)] == [500, 503, 200]


async def test_a_fault_for_all_requests_lasts_until_cleared(cancel, sandbox):
    sandbox.faults.add(Fault("status"), times=None)
    struck = [(await cancel()).status_code for _ in range(5)]
    sandbox.faults.clear()

    assert struck == [500] * 5
    assert (await cancel()).status_code == 200


async def test_chance_depends_on_the_seed_and_not_on_the_order_of_arrival(connect, now):
    async def fates(seed, ids):
        faults = SeededFaults(chances={Fault("status"): 0.3}, seed=seed)
        client = connect(Sandbox(Clinic(), rate=Rate(limit=None), faults=faults, now=now))
        return {i: (await client.get(f"/appointments/appt_{i:06}")).status_code for i in ids}

    forwards = await fates(7, range(1, 101))

    assert forwards == await fates(7, range(100, 0, -1))
    assert forwards != await fates(8, range(1, 101))
    assert 15 <= list(forwards.values()).count(500) <= 45


@pytest.mark.parametrize("wrong", [{"when": "during"}, {"status": 42}])
def test_a_fault_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
        Fault("status", **wrong)


def test_a_spec_names_faults_with_their_chance_their_seconds_and_one_seed():
    spec = parse_faults("429=0.05:3s, 500=0.02, slow=0.1:2.5s, reset-after=0.01, seed=7")

    assert spec.seed == 7
    assert {
        Fault("status", status=429, retry_after="3"): 0.05,
        Fault("status", status=500): 0.02,
        Fault("slow", seconds=2.5): 0.1,
        Fault("reset", when="after"): 0.01,
    } == spec.chances


def test_a_429_asks_for_a_second_unless_told():
    assert [Fault("status", status=429, retry_after="1")] == list(parse_faults("429=1").chances)


def test_an_empty_spec_holds_no_fault():
    assert parse_faults("").chances == {}


@pytest.mark.parametrize(
    "wrong", ["slwo=0.1", "slow", "slow=x", "slow=0.1:2", "status=0.1", "99=0.1", "html-after=0.1"]
)
def test_a_bad_item_is_named_together_with_the_known_faults(wrong):
    with pytest.raises(ValueError, match=f"{wrong}.*late_reset") as complaint:
        parse_faults(f"500=0.1,{wrong}")

    assert "slow" in str(complaint.value)


def test_chances_above_certainty_are_refused():
    with pytest.raises(ValueError, match="exceed 1"):
        parse_faults("500=0.6,502=0.6")

import pytest

from batchcancel.sandbox import Fault, parse_faults


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

import json
from typing import NoReturn

import pytest

from batchcancel import wiring
from batchcancel.errors import BatchHeld, InputError
from tests.e2e.stage import RUN
from tests.sample import sampled


@pytest.mark.parametrize("cap", sampled(["4", "40%"], every=2))
def test_more_than_max_cancel_allows_is_refused_before_any_write(stage, cap):
    stage.closure(5)
    refused = stage.run(*RUN, "--max-cancel", cap)

    assert 3 == refused.returncode
    assert "more than the" in refused.stderr
    assert f"--max-cancel {cap}" in refused.stderr
    assert [] == stage.patched()


def test_exactly_max_cancel_is_allowed_and_a_plan_refuses_the_same_excess(stage):
    stage.closure(5)

    assert 3 == stage.here("plan", "closure.csv", "--max-cancel", "4").returncode
    assert 0 == stage.here(*RUN, "--max-cancel", "100%").returncode


def test_an_organisation_that_does_not_allow_cancelling_is_not_asked_to(stage):
    stage.closure(3)
    stage.sandbox.allow_cancellation(allowed=False)
    refused = stage.here(*RUN)

    assert 3 == refused.returncode
    assert "allow_cancellation is not true" in refused.stderr
    assert [] == stage.patched()


def test_where_nobody_can_be_asked_whether_cancelling_is_allowed_that_is_told(stage):
    stage.closure(2)
    environ = {"HUSKYVOICE_API_KEY": stage.new_key("appointments:write")}
    options = ("closure.csv", "--notice-hours", "0", "--timezone", "UTC")
    planned = stage.here("plan", *options, environ=environ)
    told = stage.here("plan", *options, "--json", environ=environ)
    ran = stage.here("run", *options, "--yes", environ=environ)

    assert "!! The key may not read the organisation's rules" in planned.stdout
    assert ["cancelling_not_asked", "not_observed"] == [*json.loads(told.stdout)["cautions"]]
    assert "cancelling_not_asked" in ran.stderr
    assert (0, 2) == (ran.returncode, len(stage.patched()))


def test_without_a_terminal_and_without_yes_nothing_is_sent(stage):
    stage.closure(3)
    refused = stage.run("run", "closure.csv", stdin=b"3\n")

    assert 3 == refused.returncode
    assert "--yes" in refused.stderr
    assert [] == stage.patched()


TROUBLE = [
    (InputError("the ledger cannot be written"), 2, "the ledger cannot be written"),
    (BatchHeld("another run holds it"), 0, "Next:"),
]


@pytest.mark.parametrize(("trouble", "code", "told"), TROUBLE, ids=["no place", "held"])
def test_a_plan_is_shown_and_ends_with_what_a_run_would_meet_in_its_ledger(
    stage, monkeypatch, trouble, code, told
):
    def closed(*_words: object, **_more: object) -> NoReturn:
        raise trouble

    stage.closure(3)
    stage.here(*RUN, "--limit", "1")
    monkeypatch.setattr(wiring, "open_ledger", closed)
    planned = stage.here("plan", "closure.csv")
    assert (code, True) == (planned.returncode, "settled already" in planned.stdout)
    assert told in planned.stdout + planned.stderr

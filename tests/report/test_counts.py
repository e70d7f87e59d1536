import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.appointments import OutcomeName, SkipReason
from batchcancel.ledger.contract import State, TallyLine
from batchcancel.report.counts import Counts, counts_from, exit_code
from batchcancel.report.summary import Summary
from tests.tallies import counts_of


def line(outcome: str | None, rows: int = 1, *, state=State.SETTLED, reason=None) -> TallyLine:
    return TallyLine(state, outcome, reason, rows)


outcomes = st.sampled_from([name.value for name in OutcomeName])
lines = st.builds(line, outcomes, st.integers(1, 10**6), reason=st.sampled_from([*SkipReason]))
unsettled = st.builds(
    line, st.none(), st.integers(1, 10**6), state=st.sampled_from([State.OPEN, State.WAITING])
)


def total(numbers: dict) -> int:
    rest = {name: rows for name, rows in numbers.items() if name in counts_from([]).as_json()}
    skipped = rest.pop("skipped")
    return sum(rest.values()) - rest["rows"] + sum(skipped.values())


@settings(deadline=None)
@given(tally=st.lists(lines | unsettled, max_size=20))
def test_rows_are_the_sum_of_all_states(tally):
    counts = counts_from(tally)

    assert counts.rows == sum(one.rows for one in tally)
    assert counts.rows == total(counts.as_json())


def test_skips_are_counted_by_reason_in_a_fixed_order():
    tally = [line("skipped", 2, reason="unknown_start"), line("skipped", 3, reason="completed"),
             line("skipped", 4, reason="unknown_start")]  # fmt: skip

    assert list(counts_from(tally).skipped.items()) == [("completed", 3), ("unknown_start", 6)]


@pytest.mark.parametrize("state", [State.OPEN, State.WAITING])
def test_a_row_given_up_counts_once_whatever_its_state(state):
    counts = counts_from([line("gave_up", 2, state=state)])
    assert replace(counts, in_doubt=0) == counts_of(gave_up=2)


def test_what_was_given_up_without_a_known_result_is_in_doubt_as_what_is_open_is():
    tally = [line("gave_up", 2, state=State.OPEN), line("gave_up", 4, state=State.WAITING),
             line(None, 8, state=State.OPEN)]  # fmt: skip
    assert counts_from(tally).in_doubt == 10


@pytest.mark.parametrize(
    ("changes", "held_back", "code"),
    [
        ({}, 0, 0),
        ({"cancelled": 5, "already_cancelled": 1}, 0, 0),
        ({"skipped": {"notice_window": 3}}, 0, 0),
        ({"rejected_rows": 2}, 0, 4),
        ({"not_found": 1}, 0, 4),
        ({"refused": 1}, 0, 4),
        ({"gave_up": 1}, 0, 4),
        ({"needs_review": 1}, 0, 4),
        ({"open": 1}, 0, 4),
        ({"waiting": 1}, 0, 4),
        ({"waiting": 7}, 7, 0),
        ({"waiting": 8}, 7, 4),
        ({"waiting": 7, "refused": 1}, 7, 4),
        ({"open": 1}, 1, 4),
        # somebody must look where the manifest marks every row as done
        ({"skipped": {"marked_done": 3}}, 0, 4),
        ({"skipped": {"marked_done": 3, "notice_window": 1}}, 0, 0),
        ({"skipped": {"marked_done": 3}, "cancelled": 1}, 0, 0),
    ],
)
def test_the_exit_code_is_0_only_when_all_that_was_asked_for_is_cancelled(changes, held_back, code):
    assert code == exit_code(counts_of(**changes), held_back=held_back)


@pytest.fixture
def summary() -> Summary:
    counts: Counts = counts_from(
        [line("cancelled", 5), line("skipped", 2, reason="notice_window"), line("refused")]
    )
    return Summary(
        batch="closure", run_id="run-1", counts=counts, duplicates=0, requests=9,
        rate_limited=1, elapsed_s=12.34567, exit_code=exit_code(counts), ledger="closure.ledger.db",
        origin="https://h.example",
    )  # fmt: skip


def test_the_line_for_machines_has_the_promised_keys(summary):
    promised = {
        *("batch", "run_id", "rows", "cancelled", "already_cancelled", "skipped"),
        *("rejected_rows", "not_found", "refused", "gave_up", "needs_review", "open", "waiting"),
        *("requests", "rate_limited", "elapsed_s", "exit_code", "ledger"),
    }

    assert promised <= summary.as_json().keys()


def test_the_line_for_machines_adds_up_after_json(summary):
    told = json.loads(json.dumps(summary.as_json()))

    assert told["rows"] == total(told) == 8
    assert told["exit_code"] == 4
    assert told["elapsed_s"] == 12.346

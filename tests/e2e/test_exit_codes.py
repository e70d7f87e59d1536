"""Which test produces which exit code. All of them, and every one of those tests is there."""

import ast
from pathlib import Path

import pytest

from batchcancel.errors import ExitCode

PRODUCED_BY = {
    0: ("test_run", "test_a_run_cancels_everything_eligible_and_a_second_one_sends_nothing"),
    1: ("test_defects", "test_a_defect_ends_with_1_and_shows_its_place_and_not_its_text"),
    2: ("test_options", "test_what_is_mistyped_is_told_with_what_was_meant"),
    3: ("test_refusals", "test_more_than_max_cancel_allows_is_refused_before_any_write"),
    4: ("test_answers", "test_unknown_and_refused_rows_are_told_with_their_codes_and_what_to_do"),
    5: ("test_answers", "test_an_outage_halts_the_run_and_the_same_command_finishes_afterwards"),
    6: ("test_resume", "test_while_a_run_holds_the_batch_another_sends_nothing_and_status_works"),
    7: ("test_keys", "test_a_key_that_may_only_read_stops_the_run_and_the_scope_is_named"),
    129: ("test_resume", "test_a_signal_stops_the_run_and_the_same_command_goes_on"),
    130: ("test_resume", "test_a_signal_stops_the_run_and_the_same_command_goes_on"),
    143: ("test_resume", "test_a_signal_stops_the_run_and_the_same_command_goes_on"),
}


def test_every_exit_code_is_in_the_table():
    assert {*map(int, ExitCode), 129, 130, 143} == PRODUCED_BY.keys()


@pytest.mark.promise(16)
@pytest.mark.parametrize(("code", "place"), PRODUCED_BY.items())
def test_an_exit_code_is_expected_of_a_process_where_the_table_says(code, place):
    file, name = place
    tree = ast.parse(Path(__file__).with_name(f"{file}.py").read_text())
    [test] = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name]

    assert code in [one.value for one in ast.walk(test) if isinstance(one, ast.Constant)]
    calls = {ast.unparse(one.func) for one in ast.walk(test) if isinstance(one, ast.Call)}
    assert calls & {"stage.run", "stage.start", "sabotage"}

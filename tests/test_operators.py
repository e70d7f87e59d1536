"""Airflow's operators by their source, because Airflow is not installed here."""

import ast
from pathlib import Path

from batchcancel.settings.options import OPTIONS

AIRFLOW = Path(__file__).parents[1] / "batchcancel" / "airflow"
FIELDS = {option.field for option in OPTIONS}
OTHERWISE = {
    *("base_url", "api_key_file", "yes", "json", "log_format", "progress", "dry_run", "quiet"),
    *("verbose", "metrics_file", "on_end"),
}
"""Options that a Connection holds, and those for a terminal."""
OF_A_TASK = {"manifest", "ledger_conn_id", "huskyvoice_conn_id", "job_file"}
"""Arguments that are no options."""


def init_of(name):
    tree = ast.parse((AIRFLOW / "operators.py").read_text(encoding="utf-8"))
    [found] = [one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name]
    [init] = [one for one in found.body if getattr(one, "name", "") == "__init__"]
    return init


def test_an_operator_takes_every_option_that_means_something_there_and_keeps_it():
    init = init_of("BatchOperator")
    taken = {one.arg for one in init.args.kwonlyargs}
    kept = {
        one.value.id
        for one in init.body
        if isinstance(one, ast.Assign)
        and isinstance(one.value, ast.Name)
        and ast.unparse(one.targets[0]) == f"self.{one.value.id}"
    }
    if "setattr(self, field, given[field])" in ast.unparse(init):
        kept |= FIELDS - OTHERWISE - {"ledger", "batch"}

    assert FIELDS - OTHERWISE == taken - OF_A_TASK
    assert taken == kept


def test_a_connection_may_hold_the_same_options_but_those_that_name_the_batch():
    tree = ast.parse((AIRFLOW / "hook.py").read_text(encoding="utf-8"))
    left_out = [
        ast.literal_eval(one.value)
        for one in tree.body
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Set)
        if ast.unparse(one.targets[0]) in ("_SAID_OTHERWISE", "_FOR_A_TERMINAL")
    ]

    assert OTHERWISE | {"ledger", "batch"} == set().union(*left_out)

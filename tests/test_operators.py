"""What Airflow's door takes, by its source, because Airflow is not installed here."""

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


def test_a_task_and_a_connection_take_every_option_that_means_something_there():
    tree = ast.parse((AIRFLOW / "hook.py").read_text(encoding="utf-8"))
    left_out = [
        ast.literal_eval(one.value)
        for one in tree.body
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Set)
        if ast.unparse(one.targets[0]) in ("_SAID_OTHERWISE", "_FOR_A_TERMINAL")
    ]

    assert OTHERWISE | {"ledger", "batch"} == set().union(*left_out)

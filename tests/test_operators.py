"""What Airflow's door takes, by its source, because Airflow is not installed here."""

import ast
import re
from pathlib import Path

import pytest

from batchcancel.airflow.words import in_airflow
from batchcancel.settings.options import OPTIONS

PACKAGE = Path(__file__).parents[1] / "batchcancel"
AIRFLOW = PACKAGE / "airflow"
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


def test_nothing_that_the_core_says_names_a_flag_a_variable_of_the_key_or_a_command_there():
    elsewhere = ("cli", "sandbox", "airflow", "__main__.py")
    files = [
        one for one in PACKAGE.rglob("*.py") if one.relative_to(PACKAGE).parts[0] not in elsewhere
    ]
    said = {
        one.value
        for path in files
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
    flags = "|".join(option.name for option in OPTIONS)
    typed = re.compile(rf"--({flags})(?![\w-])|HUSKYVOICE_API_KEY|same command")

    told = {one: in_airflow(one, conn_id="north") for one in said if typed.search(one)}

    assert 60 < len(told)
    words = {
        one: re.sub("batchcancel (?:resolve|export).*", "", text) for one, text in told.items()
    }
    assert {} == {one: text for one, text in words.items() if typed.search(text)}


@pytest.mark.parametrize(
    ("typed", "done"),
    [
        ("Run the same command again.", "Clear the task."),
        ("then run the same command again.", "then clear the task."),
        ("raise --max-cancel.", "raise `max_cancel`."),
        ("than --max-cancel 800 allows", "than `max_cancel=800` allows"),
        ("With --notice-hours 0. Nothing", "With `notice_hours=0`. Nothing"),
        ("type --column 'a=Booking ref' or", "type `column='a=Booking ref'` or"),
        ("If not: --ignore-column date. If so,", "If not: `ignore_column='date'`. If so,"),
        ("HUSKYVOICE_API_KEY or --api-key-file,", "the password of the Connection north,"),
        ("--base-url, which", "the host of the Connection north, which"),
        ("--ledger must be named", "`ledger` or `ledger_conn_id` must be named"),
        ("like --ledger a.ledger.db", "like `ledger='a.ledger.db'`"),
        ("BATCHCANCEL_RATE: no", "the worker's variable BATCHCANCEL_RATE: no"),
        ("`batchcancel ledger ddl --ledger L`", "`batchcancel ledger ddl --ledger L`"),
        ("batchcancel export L --batch b", "batchcancel export L --batch b"),
    ],
)  # fmt: skip
def test_in_a_task_s_log_arguments_and_connections_are_named(typed, done):
    assert done == in_airflow(typed, conn_id="north")

"""What Airflow's door takes, by its source, because Airflow is not installed here."""

import ast
import re
from pathlib import Path

import anyio
import pytest

from batchcancel.airflow.thread import LEASE, when_free
from batchcancel.airflow.words import in_airflow
from batchcancel.errors import BatchHeld, Interrupted
from batchcancel.ledger.lease import TTL_S
from batchcancel.ledger.open import postgres_keywords
from batchcancel.settings.options import OPTIONS
from batchcancel.stop import Stop

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


def test_libpq_itself_says_which_extras_are_parameters_of_a_connection():
    known = postgres_keywords()
    assert {"host", "sslmode", "keepalives", "target_session_attrs"} <= known
    assert known.isdisjoint({"cursor", "iam", "aws_conn_id", "sqlalchemy_query", "outputs"})


class Held:
    """A batch that another run has for so many seconds."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.told = []

    async def run(self):
        if anyio.current_time() < self.seconds:
            raise BatchHeld("another run has it")
        return "done"

    async def taken(self, stop=None):
        return await when_free(self.run, stop=stop or Stop(), say=self.told.append)


@pytest.mark.anyio
async def test_the_lease_of_a_run_that_died_is_waited_out():
    batch = Held(TTL_S)
    assert ("done", TTL_S) == (await batch.taken(), anyio.current_time())
    assert "another run has it; waiting for it, 45 s at most" == batch.told[0]


@pytest.mark.anyio
async def test_a_run_that_lives_on_is_waited_for_no_longer_than_a_lease_could_last():
    with pytest.raises(BatchHeld):
        await Held(LEASE + 1).taken()
    assert LEASE == anyio.current_time()


@pytest.mark.anyio
async def test_who_waits_for_a_lease_stops_at_once():
    stop = Stop()
    async with anyio.create_task_group() as group:

        async def wait():
            with pytest.raises(Interrupted):
                await Held(TTL_S).taken(stop)

        group.start_soon(wait)
        await anyio.sleep(7)
        stop.ask(Interrupted(15))
    assert 7.0 == anyio.current_time()

import inspect
from contextlib import closing

import pytest
from airflow.sdk import DAG

from batchcancel.airflow import BatchCancelOperator, BatchExportOperator, BatchPlanOperator
from batchcancel.airflow.hook import FIELDS
from batchcancel.airflow.operators import BatchOperator
from batchcancel.errors import InputError
from batchcancel.ledger.sqlite.ledger import read_sqlite
from tests.airflow.dag_runs import run, tries_of, xcom
from tests.airflow.home import HOME

OTHERS = ("manifest", "ledger", "ledger_conn_id", "batch", "huskyvoice_conn_id")


@pytest.mark.parametrize("operator", [BatchPlanOperator, BatchCancelOperator])
def test_manifest_ledger_batch_connections_and_options_are_templated_and_kept(operator):
    given = dict.fromkeys((*FIELDS, *OTHERS), "{{ params.x }}")
    task = operator(task_id="t", **given)
    kept = {name: getattr(task, name) for name in operator.template_fields}
    assert given == kept


def test_options_come_from_default_args_too_and_stand_in_the_signature():
    with DAG("d", schedule=None, default_args=dict.fromkeys(FIELDS, "given")):
        task = BatchCancelOperator(task_id="t", manifest="m", rate="1/s")
    given = {name: getattr(task, name) for name in FIELDS}
    assert dict.fromkeys(FIELDS, "given") | {"rate": "1/s"} == given
    assert {*FIELDS} <= {*inspect.signature(BatchOperator.__init__).parameters}


def test_a_task_can_be_mapped_over_manifests():
    with DAG("d", schedule=None):
        mapped = BatchCancelOperator.partial(task_id="t", ledger_conn_id="l", max_cancel=3)
        task = mapped.expand_kwargs([{"manifest": "m", "rate": "1/s"}])
    one = task.unmap({"manifest": "m", "rate": "1/s"})
    assert ("l", 3, "m", "1/s") == (one.ledger_conn_id, one.max_cancel, one.manifest, one.rate)


def test_a_misspelt_argument_is_told_what_was_meant():
    with pytest.raises(TypeError, match="notise_hours is no argument; did you mean notice_hours"):
        BatchCancelOperator(task_id="t", manifest="m", notise_hours=0)


def test_what_a_template_finds_to_be_null_is_nothing_and_not_the_text_none():
    with DAG("d", schedule=None, params={"notes": None, "who": "office"}):
        task = BatchCancelOperator(
            task_id="t", manifest="m", notes="{{ params.notes }}", batch="b-{{ params.who }}"
        )
    task.render_template_fields({"params": task.dag.params})
    assert ("", "b-office") == (task.notes, task.batch)


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_task_that_takes_an_approval_does_nothing_without_one(nothing):
    task = BatchCancelOperator(task_id="t", manifest="m", batch="b", approved="{{ x }}")
    task.approved = nothing
    with pytest.raises(InputError, match="nobody's approval was handed on"):
        task.settings({})


@pytest.mark.parametrize("operator", [BatchCancelOperator, BatchExportOperator])
def test_no_argument_takes_the_key(operator):
    words = " ".join(
        name for kind in operator.mro() for name in inspect.signature(kind.__init__).parameters
    )
    assert not {"key", "api_key", "password"} & set(words.split())


@pytest.mark.usefixtures("tables")
def test_a_task_that_takes_too_long_drains_and_keeps_its_summary(stage, organisation, ledger):
    import batchcancel.commands.run  # noqa: F401 - its time is not to be the task's

    organisation(extra={"notice_hours": 0, "timezone": "Asia/Kolkata"})
    stage.closure(30)
    state, _, run_id = run("struck", manifest=str(stage.folder / "closure.csv"))
    assert "failed" == state
    with closing(read_sqlite(ledger)) as account:
        [ended] = account.runs(f"struck@{run_id}")
    assert (5, True) == (ended.exit_code, ended.ended_at is not None)
    told = xcom(run_id, "cancel", "summary")
    assert (5, 30) == (told["exit_code"], told["rows"])
    assert 30 > told["waiting"] == 30 - len(stage.cancellations()) > 0


@pytest.mark.usefixtures("tables")
def test_one_form_serves_many_clinics_by_the_connections_that_it_names(
    stage, organisation, connect
):
    stage.book("n1", "s1")
    keys = {name: organisation(name) for name in ("north", "south")}
    for name in keys:
        path = str(stage.folder / f"{name}.ledger.db")
        connect(f"{name}_ledger", conn_type="sqlite", host=path)
        manifest = stage.write(f"{name}.csv", [f"{name[0]}1"])
        assert "success" == run("any_clinic", clinic=name, manifest=str(manifest))[0]
        assert (stage.folder / f"{name}.ledger.db").exists()
    used = {one.path.rpartition("/")[2]: one.key for one in stage.sandbox.history.patches()}
    assert {"n1": keys["north"], "s1": keys["south"]} == used


@pytest.mark.usefixtures("tables", "ledger")
@pytest.mark.parametrize("clinic", ["nobody", "default"])
def test_a_connection_that_is_missing_fails_its_task_at_once(stage, organisation, clinic, capfd):
    organisation("default")
    _, tasks, run_id = run("any_clinic", clinic=clinic, manifest=str(stage.write("a.csv", ["a"])))
    missing = {"nobody": "nobody", "default": "default_ledger"}[clinic]
    assert ("failed", 1) == (tasks["cancel"], tries_of(run_id))
    assert f"AirflowFailException: there is no Connection {missing}" in "".join(capfd.readouterr())


@pytest.mark.usefixtures("tables")
def test_a_key_that_is_rejected_is_told_as_the_password_of_its_connection(
    stage, organisation, connect, capfd
):
    organisation("north", password="sk_live_unknown")
    connect("north_ledger", conn_type="sqlite", host=str(stage.folder / "north.ledger.db"))
    state, _, run_id = run("any_clinic", clinic="north", manifest=str(stage.write("a.csv", ["a"])))
    told = "".join(capfd.readouterr())
    assert ("failed", 1) == (state, tries_of(run_id))
    assert "Check the password of the Connection north, then clear the task" in told
    assert "HUSKYVOICE_API_KEY" not in told


@pytest.mark.usefixtures("tables", "ledger")
def test_the_key_is_neither_in_airflow_s_database_nor_in_its_logs(stage, organisation, capfd):
    organisation()
    stage.closure(1)
    run("one_batch", manifest=str(stage.folder / "closure.csv"))
    told = capfd.readouterr()
    stage.require_secrecy((told.out + told.err).encode())
    for path in HOME.rglob("*"):
        if path.is_file():
            stage.require_secrecy(path.read_bytes())

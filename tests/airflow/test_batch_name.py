import pytest

from batchcancel.airflow.batch_name import batch_name
from batchcancel.settings.options import OPTIONS

[VALID] = [option.parse for option in OPTIONS if option.name == "batch"]
RUN = "manual__2026-11-23T20:12:54.023778+00:00_x1"


def test_a_batch_is_called_like_the_dag_and_its_run():
    assert f"nightly@{RUN}" == batch_name(dag_id="nightly", run_id=RUN)


def test_a_mapped_task_has_a_batch_for_each_of_its_instances():
    names = {batch_name(dag_id="group", run_id=RUN, map_index=index) for index in (-1, 0, 1)}
    assert names == {f"group@{RUN}", f"group=0@{RUN}", f"group=1@{RUN}"}


@pytest.mark.parametrize("run_id", [RUN, "ein Lauf", "a~b", "x" * 250, "März", "a/b\n"])
def test_every_run_gives_a_name_that_a_batch_may_have(run_id):
    name = batch_name(dag_id="nightly", run_id=run_id, map_index=999)
    assert name == VALID(name)


@pytest.mark.parametrize(
    ("one", "other"), [("a~b", "a_b"), ("a b", "a\tb"), ("x" * 250, "x" * 251), ("ä", "ö")]
)
def test_runs_that_differ_only_where_a_name_cannot_show_it_have_different_batches(one, other):
    assert batch_name(dag_id="d", run_id=one) != batch_name(dag_id="d", run_id=other)


def test_a_run_called_like_an_index_is_not_taken_for_it():
    mapped = batch_name(dag_id="d", run_id="x", map_index=3)
    assert mapped != batch_name(dag_id="d", run_id="3@x")

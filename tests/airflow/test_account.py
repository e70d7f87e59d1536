from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from batchcancel.airflow import BatchCancelOperator, BatchExportOperator, BatchReportOperator
from tests.airflow.tasks import BATCH, Executed
from tests.reader.buckets import BUCKET, bucket_server, new_buckets

__all__ = ["bucket_server"]

LEDGER = "batchcancel_ledger"
BOTH = pytest.mark.parametrize("operator", [BatchExportOperator, BatchReportOperator])


def execute(operator, **given):
    return Executed(operator(task_id="write", **({"ledger_conn_id": LEDGER} | given)))


@pytest.fixture
def outputs(stage, connect):
    """Let the ledger's Connection say where outputs go; the folder."""

    def outputs(**extra):
        path = stage.folder / "batches.ledger.db"
        connect(LEDGER, conn_type="sqlite", host=str(path), extra=extra)

    return outputs


@pytest.fixture
def closed(stage, organisation, ledger):
    """A batch of two that is done, but for one that nobody knows."""
    organisation()
    stage.closure(2)
    manifest = str(stage.write("closure.csv", ["a001", "a002", "unknown"]))
    task = BatchCancelOperator(
        task_id="c", manifest=manifest, ledger_conn_id=LEDGER, allow_failures=True
    )
    return Executed(task).told


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    ("operator", "ending"), [(BatchExportOperator, ".csv"), (BatchReportOperator, ".html")]
)
def test_it_goes_where_the_ledger_s_connection_says_under_the_name_of_the_run(
    stage, outputs, operator, ending
):
    outputs(outputs=f"{stage.folder}/", outputs_url="https://files.example/closures")
    executed = execute(operator)
    name = f"{BATCH}.write{ending}"
    assert (
        str(stage.folder / name),
        f"https://files.example/closures/closing%40friday.write{ending}",
    ) == (
        executed.told["path"],
        executed.link,
    )
    assert (stage.folder / name).exists()


@BOTH
@pytest.mark.usefixtures("closed")
def test_an_argument_wins_over_the_connection_and_a_path_over_a_folder(stage, outputs, operator):
    outputs(outputs="/nowhere")
    there = execute(operator, folder=str(stage.folder)).told["path"]
    assert stage.folder == Path(there).parent
    path = str(stage.folder / f"own{Path(there).suffix}")
    assert path == execute(operator, folder="/nowhere", path=path).told["path"]


@BOTH
@pytest.mark.usefixtures("closed")
def test_without_a_word_it_lies_beside_the_ledger_s_file_and_never_in_a_worker_s_folder(
    stage, connect, operator
):
    assert stage.folder == Path(execute(operator, path="", folder="").told["path"]).parent
    connect(LEDGER, conn_type="postgres", host="database.example")
    with pytest.raises(AirflowFailException, match=r"nobody says where closing@friday\.write"):
        execute(operator)


@pytest.mark.usefixtures("closed")
def test_a_bucket_that_the_connection_names_has_list_and_report_with_links_into_its_console(
    bucket_server, monkeypatch, outputs
):
    with new_buckets(bucket_server) as buckets:
        for name, text in buckets.environ.items():
            monkeypatch.setenv(name, text)
        outputs(outputs=f"s3://{BUCKET}/out/")
        for operator in (BatchExportOperator, BatchReportOperator, BatchReportOperator):
            executed = execute(operator)
            key = f"out/{BATCH}.write{operator.ending}"
            assert f"s3://{BUCKET}/{key}" == executed.told["path"]
            assert executed.link.endswith(f"/object/{BUCKET}?prefix={quote(key)}")
        assert [f"out/{BATCH}.write.csv", f"out/{BATCH}.write.html"] == buckets.names()


def test_a_file_s_name_is_one_that_every_file_system_takes(stage, closed):
    names = set()
    for last in "ab":
        task = BatchExportOperator(
            task_id="x" * 248 + last, ledger_conn_id=LEDGER, folder=str(stage.folder)
        )
        names.add(Path(Executed(task).told["path"]).name)
    assert 2 == len(names)
    assert max(map(len, names)) < 255


@BOTH
def test_a_place_without_an_address_has_no_link(stage, closed, operator):
    assert "" == execute(operator, folder=str(stage.folder)).link


@BOTH
def test_the_manifest_of_a_batch_is_not_written_over(stage, closed, operator):
    with pytest.raises(AirflowFailException, match="is the manifest that batch"):
        execute(operator, path=str(stage.folder / "closure.csv"))


def test_rows_of_an_outcome_are_written_and_counted(stage, closed):
    executed = execute(
        BatchExportOperator, folder=str(stage.folder), outcomes=("not_found",), outlets=[Asset("a")]
    )
    assert 1 == executed.told["rows"] == executed.events[Asset("a")].extra["rows"]
    assert ["unknown"] == pl.read_csv(executed.told["path"])["appointment_id"].to_list()


def test_the_page_tells_what_became_of_the_batch(stage, closed):
    page = Path(execute(BatchReportOperator, folder=str(stage.folder)).told["path"]).read_text()
    assert "2 of 3 rows are cancelled" in page


@BOTH
def test_a_batch_that_nobody_has_begun_is_a_skip_or_is_told(stage, ledger, closed, operator):
    given = {"folder": str(stage.folder), "batch": "other"}
    with pytest.raises(AirflowSkipException):
        execute(operator, **given, skip_nothing=True)
    with pytest.raises(AirflowFailException, match="no batch other"):
        execute(operator, **given)
    ledger.unlink()
    with pytest.raises(AirflowSkipException):
        execute(operator, **given, skip_nothing=True)


def test_a_ledger_has_to_be_named(stage):
    with pytest.raises(AirflowFailException, match="no ledger is named"):
        execute(BatchExportOperator, folder=str(stage.folder), ledger_conn_id=None)

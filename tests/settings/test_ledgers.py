"""Which ledger is meant by what somebody typed."""

import sqlite3
from contextlib import closing

import pytest

from batchcancel.errors import InputError
from batchcancel.settings.ledgers import ledger_for

NIGHT = "nightly.ledger"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A manifest with its ledger beside it, and a ledger of another name."""
    monkeypatch.chdir(tmp_path)
    for name in ("closure.ledger.db", NIGHT):
        with closing(sqlite3.connect(name)) as database:
            database.execute("CREATE TABLE some (one)")
    (tmp_path / "closure.csv").write_text("appointment_id\n")
    (tmp_path / "alone.csv").write_text("appointment_id\n")
    (tmp_path / "gone.ledger.db").mkdir()


@pytest.mark.parametrize(
    ("typed", "variable", "batch", "meant"),
    [
        (NIGHT, None, None, (NIGHT, None)),
        ("new.db", None, "one", ("new.db", "one")),
        ("gone.ledger.db", None, None, ("gone.ledger.db", None)),
        ("postgresql://db/l", NIGHT, None, ("postgresql://db/l", None)),
        ("closure.csv", None, "one", ("closure.ledger.db", "one")),
        ("closure.csv.gz", None, None, ("closure.ledger.db", None)),
        ("closure.csv", NIGHT, None, (NIGHT, "closure")),
        ("closure.csv", NIGHT, "one", (NIGHT, "one")),
        ("s3://bucket/day.csv", None, None, ("s3://bucket/day.csv", None)),
        (None, NIGHT, "one", (NIGHT, "one")),
    ],
)
def test_a_ledger_is_named_itself_or_by_its_manifest_or_by_the_variable(
    monkeypatch, typed, variable, batch, meant
):
    if variable is not None:
        monkeypatch.setenv("BATCHCANCEL_LEDGER", variable)
    assert ledger_for(typed, batch) == meant


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (None, "no ledger is named"),
        ("nowhere.csv", "there is no nowhere.csv"),
        ("x" * 300, "there is no xxx"),
        ("alone.csv", "there is no ledger alone.ledger.db"),
        ("a" * 300, "there is no a"),
    ],
)
def test_what_names_no_ledger_is_told(typed, told):
    with pytest.raises(InputError, match=told) as caught:
        ledger_for(typed, None)
    assert caught.value.hint

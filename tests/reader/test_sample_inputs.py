"""Every sample is used, and none goes stale."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from batchcancel.cli.demo import LATE, SAMPLE, SAMPLE_BEGINS
from batchcancel.reader.read import read_manifest

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "sample_inputs").iterdir())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_a_clean_manifest(sample):
    read_manifest(str(sample)).require_clean()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_used_by_the_demo_the_readme_or_a_test(sample):
    readers = [
        ROOT / "README.md",
        ROOT / "batchcancel/cli/demo.py",
        *(ROOT / "tests").rglob("*.py"),
    ]
    assert any(sample.name in path.read_text() for path in readers)


@pytest.mark.parametrize(
    ("name", "used", "read_as"),
    [
        ("ids_only.csv", {}, ()),
        ("days_and_sessions.csv", {"date": "date", "session": "session"}, ()),
        (
            "excel_semicolons.csv",
            {"appointment_id": "Appointment ID", "starts_at": "Starts at", "notes": "Notes"},
            ("semicolons between cells",),
        ),
        ("closure.parquet", {"starts_at": "starts_at", "session": "session"}, ()),
    ],
)
def test_each_shape_that_the_readme_names_has_a_sample(name, used, read_as):
    manifest = read_manifest(str(ROOT / "sample_inputs" / name))
    assert used.items() <= manifest.columns.used.items()
    assert (6, read_as, ()) == (manifest.frame.height, manifest.read_as, manifest.cautions)


def test_the_starts_of_the_sample_lie_far_ahead():
    starts = read_manifest(str(ROOT / "sample_inputs" / SAMPLE)).frame["starts_at"]
    assert starts.min() > datetime(2090, 1, 1, tzinfo=UTC)


def test_the_demo_has_as_many_late_rows_as_it_says():
    starts = read_manifest(str(ROOT / "sample_inputs" / SAMPLE)).frame["starts_at"]
    hours = [(start - SAMPLE_BEGINS).total_seconds() / 3600 for start in starts]
    assert LATE == sum(1 for one in hours if one < 24)
    # The demo moves the first midnight to the last full hour, so up to an hour has passed.
    assert all(not 24 <= one <= 26 for one in hours)
    assert all(one >= 2 for one in hours)

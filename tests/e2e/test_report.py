"""The page, as it is typed, and made at the end of a run."""

import stat
import sys
from pathlib import Path

from tests.e2e.stage import LEDGER, RUN

ROOT = Path(__file__).parents[2]
REPORT = ("report", LEDGER, "--batch", "closure", "-o", "report.html")


def test_the_page_is_made_at_the_end_of_a_run_and_by_hand(stage):
    stage.closure(5)
    stage.here(*RUN, "--batch", "earlier", "--limit", "1")
    command = f"{sys.executable} -m batchcancel report -o report.html"
    page = stage.folder / "report.html"
    ended = stage.here(*RUN, "--on-end", command)
    assert (0, False) == (ended.returncode, "--on-end" in ended.stderr)
    assert "5 of 5 rows are cancelled" in page.read_text()
    assert 0o600 == stat.S_IMODE(page.stat().st_mode)
    again, forced = stage.here(*REPORT), stage.here(*REPORT, "--force", "--json")
    assert (2, True) == (again.returncode, "exists" in again.stderr)
    (stage.folder / "job.toml").write_text("[branches]\nCity = 3\n")
    wrong = stage.here(*REPORT, "--force", "--job-file", "job.toml")
    assert (2, True) == (wrong.returncode, "write [branches]" in wrong.stderr)
    assert (0, True) == (forced.returncode, '"output": "report.html"' in forced.stdout)
    other = stage.here(*REPORT[:-1], "report.csv")
    assert (2, True) == (
        other.returncode,
        "ends with" in other.stderr or "end with" in other.stderr,
    )
    assert 2 == stage.here("report", "none.db", "-o", "none.html").returncode


def test_the_pictures_of_the_readme_are_small():
    for name in ("run.svg", "report.png"):
        assert 1_000 < (ROOT / ".github" / name).stat().st_size < 200_000

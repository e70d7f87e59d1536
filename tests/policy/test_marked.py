from datetime import UTC, datetime

import polars as pl
import pytest

from batchcancel.ledger.contract import OpenRow
from batchcancel.policy.earlier_runs import EarlierRuns
from batchcancel.policy.earlier_runs import is_nothing_left
from batchcancel.reader.manifest import Manifest, manifest_of

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)


def manifest(**outcomes: str | None) -> Manifest:
    """A row for each name, with its outcome."""
    words = pl.Series("outcome", list(outcomes.values()), pl.String)
    ids = pl.Series("appointment_id", list(outcomes))
    lines = pl.Series("line", range(2, 2 + len(outcomes)))
    return manifest_of(pl.DataFrame([lines, ids, words]), source="m.csv")


@pytest.mark.parametrize(
    ("settled", "opened", "is_nothing"),
    [
        (["a"], [], True),
        ([], [], False),
        (["a"], ["b"], False),  # what was sent has to be read back, whoever says that it is done
        (["a", "b"], [], True),
    ],
)
def test_nothing_is_left_where_each_row_is_settled_or_marked(settled, opened, is_nothing):
    open_rows = [OpenRow(one, 1, NOW) for one in opened]
    earlier = EarlierRuns(settled_ids=settled, open_rows=open_rows)
    assert is_nothing == is_nothing_left(manifest(a=None, b="cancelled"), earlier)

"""What may be forgotten of a ledger: batches of which nothing is left to do, since long ago.

A batch and its restore go together, or stay. Leases stay: what was written on a batch is counted
by them, and a ledger that has fewer went back in time.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from batchcancel.ledger.enrolment import load
from batchcancel.ledger.statements import Statements, restored
from batchcancel.ledger.tables import IN_DOUBT

STANDINGS = f"""
    SELECT name, coalesce({{of_batch}}, name),
           (SELECT max(coalesce(ended_at, started_at)) FROM runs WHERE batch = name),
           coalesce(many, 0), coalesce(undone, 0)
    FROM batches LEFT JOIN (
        SELECT batch_id, count(*) AS many, sum(
            CASE WHEN state <> 'settled' OR outcome = 'needs_review' OR {IN_DOUBT} THEN 1 ELSE 0 END
        ) AS undone
        FROM rows GROUP BY batch_id
    ) AS counted USING (batch_id)
    ORDER BY batch_id
"""
_RUNS = "SELECT run_id FROM runs WHERE batch IN (SELECT name FROM temp.loaded)"
_IDS = "SELECT batch_id FROM batches WHERE name IN (SELECT name FROM temp.loaded)"
_FORGET = {
    "requests": f"run_id IN ({_RUNS}) OR run_id IS NULL AND sent_at < :before",
    "pauses": f"run_id IN ({_RUNS})",
    "looks": "batch IN (SELECT name FROM temp.loaded)",
    "rows": f"batch_id IN ({_IDS})",
    "rejected_rows": f"batch_id IN ({_IDS})",
    "runs": "batch IN (SELECT name FROM temp.loaded)",
    "batches": "name IN (SELECT name FROM temp.loaded)",
}


class Standing(NamedTuple):
    """How much of a batch there is: its rows, and those that a run or a person has to end.

    `ended_at` is when its last run ended, or began; `family` is the batch that it restores, or it.
    """

    batch: str
    family: str
    ended_at: datetime | None
    rows: int
    undone: int


def finished(standings: Iterable[Standing], *, before: datetime) -> list[Standing]:
    """Those in which nothing is left to do, neither in their restore, and that ended before."""
    known = list(standings)
    left = {
        one.family for one in known if one.undone or one.ended_at is None or one.ended_at >= before
    }
    return [one for one in known if one.family not in left]


def prune(
    into: Statements, names: Collection[str], *, before: datetime, held: Callable[[], set[str]]
) -> Mapping[str, int]:
    """Forget those of the named batches that are finished; tells how many of what went.

    `held` names the families of runs that are alive; whoever would take one of the named, which
    stand in `loaded`, waits meanwhile.
    """
    load(into, "name", ((one,) for one in names), like="batches")
    alive = held()
    standings = (
        Standing(name, family, restored(ended), *counts)
        for name, family, ended, *counts in into.fetch(STANDINGS.format(of_batch="of_batch"))
    )
    gone = [one for one in finished(standings, before=before) if one.family not in alive]
    load(into, "name", ((one.batch,) for one in gone if one.batch in names), like="batches")
    values = {"before": before}
    return Counter({
        table: into.execute(f"DELETE FROM {table} WHERE {which}", values)
        for table, which in _FORGET.items()
    })  # fmt: skip

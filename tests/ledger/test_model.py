"""Whatever is committed, the ledger says the same as a dictionary would."""

import itertools
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchcancel.appointments import Outcome, OutcomeName
from batchcancel.errors import LedgerWriteFailed
from batchcancel.ledger.contract import Intent, Noted, OpenRow, Settled, Withdrawn
from batchcancel.ledger.postgres.ledger import open_postgres
from batchcancel.ledger.sqlite.ledger import memory_sqlite

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
ENDINGS = [one for one in OutcomeName if one not in ("rejected_row", "restored")]

BATCHES = itertools.count(1)
ids = st.sampled_from("abcx")  # there is no row x
seconds = st.integers(0, 9).map(lambda n: NOON + timedelta(seconds=n))
intents = st.builds(
    Intent, request=st.just(0), appointment_id=ids, attempt=st.integers(1, 9), at=seconds,
    opened_at=seconds,
)  # fmt: skip
withdrawals = st.builds(
    Withdrawn, appointment_id=ids, is_sent=st.booleans(), was_in_doubt=st.booleans()
)
outcomes = st.builds(Outcome, st.sampled_from(ENDINGS), st.sampled_from([None, "CODE"]))
endings = st.builds(Settled, appointment_id=ids, outcome=outcomes, at=seconds)
notes = st.builds(Noted, appointment_id=ids, outcome=outcomes)
entries = intents | withdrawals | notes | endings
groups = st.lists(st.lists(entries, min_size=1, max_size=4), max_size=12)


class RefusedError(Exception):
    pass


@dataclass(frozen=True)
class Row:
    state: str = "waiting"
    outcome: str | None = None
    reason: str | None = None
    attempts: int = 0
    opened_at: datetime | None = None
    settled_at: datetime | None = None

    def after(self, entry):
        match entry:
            case Intent():
                return self.opened(entry)
            case Withdrawn():
                return self.withdrawn(entry)
            case Noted():
                return self.noted(entry)
        return self.ended(entry)

    def opened(self, intent):
        if self.state == "settled":
            raise RefusedError
        since = self.opened_at if self.state == "open" else intent.opened_at
        return Row("open", attempts=self.attempts + 1, opened_at=since)

    def withdrawn(self, entry):
        if self.state != "open":
            raise RefusedError
        attempts = self.attempts - (not entry.is_sent)
        if entry.was_in_doubt:
            return replace(self, attempts=attempts)
        return replace(self, state="waiting", attempts=attempts, opened_at=None)

    def noted(self, entry):
        if self.state == "settled":
            raise RefusedError
        return replace(self, outcome=entry.outcome.name.value, reason=entry.outcome.reason)

    def ended(self, entry):
        name, reason = entry.outcome.name.value, entry.outcome.reason
        is_skipped = self.outcome == "skipped"
        if self.state == "settled" and (name == "gave_up" or not is_skipped):
            raise RefusedError
        state = self.state if name == "gave_up" else "settled"
        at = self.settled_at if name == "gave_up" else entry.at
        return Row(state, name, reason, self.attempts, self.opened_at, at)


def apply(rows, group):
    rows = dict(rows)
    for entry in group:
        if entry.appointment_id not in rows:
            raise RefusedError
        rows[entry.appointment_id] = rows[entry.appointment_id].after(entry)
    return rows


def numbered(group, numbers):
    return [
        replace(entry, request=next(numbers)) if isinstance(entry, Intent) else entry
        for entry in group
    ]


def is_a_dictionary(ledger, example, groups):
    """Commit the groups to a batch in which nothing was done; every group whole or not at all."""
    numbers = itertools.count(1)
    rows = dict.fromkeys(example.ids, Row())
    for group in groups:
        try:
            rows = apply(rows, group)
        except RefusedError:
            with pytest.raises(LedgerWriteFailed):
                ledger.commit(numbered(group, numbers))
        else:
            ledger.commit(numbered(group, numbers))
        assert {row.appointment_id: Row(*row[5:11]) for row in ledger.rows(example.name)} == rows
        assert ledger.open_rows(example.name) == [
            OpenRow(one, row.attempts, row.opened_at)
            for one, row in rows.items()
            if row.state == "open" or (row.outcome == "skipped" and row.opened_at is not None)
        ]


@settings(max_examples=150, deadline=None)
@given(groups=groups)
def test_a_ledger_is_a_dictionary_that_takes_a_group_whole_or_not_at_all(example, groups):
    with closing(example.begin(memory_sqlite(origin=example.origin, key="key"))) as ledger:
        is_a_dictionary(ledger, example, groups)


@pytest.fixture(scope="module")
def any_database(postgres):
    return postgres.database()


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(groups=groups)
def test_so_is_one_in_a_database_beside_others(any_database, example, groups):
    batch = replace(example, name=f"batch-{next(BATCHES)}")
    with closing(open_postgres(any_database, origin=example.origin, key="key")) as ledger:
        is_a_dictionary(batch.begin(ledger, run_id=batch.name), batch, groups)

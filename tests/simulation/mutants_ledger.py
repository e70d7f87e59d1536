"""Defects in what is written down, and in what is told."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from batchcancel.api import Meaning
from batchcancel.appointments import Fact, Outcome, OutcomeName
from batchcancel.commands import plan, run
from batchcancel.errors import ExitCode, LedgerWriteFailed
from batchcancel.ledger import entries
from batchcancel.ledger.sqlite import place
from batchcancel.policy.earlier_runs import EarlierRuns
from batchcancel.pool import cancel, proof, workers
from batchcancel.writer import Writer
from tests.simulation.mutation import mutant, swap


@mutant()
def time_out_taken_as_refusal() -> Iterator[Any]:
    """When the attempts are spent without an answer, the row is settled as refused."""
    by_meaning = proof._BY_MEANING | {Meaning.UNKNOWN: OutcomeName.REFUSED}
    yield swap(proof, "_BY_MEANING", by_meaning)


@mutant()
def streaks_are_settled() -> Iterator[Any]:
    """Not-found and refused rows are final at once, whatever becomes of those after them."""
    yield swap(workers, "_HELD", Fact.FINAL | Fact.FAILURE | Fact.GONE)


@mutant()
def absence_ends_a_doubt() -> Iterator[Any]:
    """A row in doubt is settled as not found when its read-back says so."""
    read = cancel.outcome_of_read

    def believing(answer, *, opened_at):
        if answer.meaning is Meaning.ABSENT:
            return Outcome(OutcomeName.NOT_FOUND, answer.code)
        return read(answer, opened_at=opened_at)

    yield swap(cancel, "outcome_of_read", believing)


@mutant()
def settled_rows_sent_again() -> Iterator[Any]:
    """Neither the plan nor the ledger remembers what is settled."""
    earlier_runs = plan.earlier_runs

    def forgetful(reader, batch, *, but_refused):
        return EarlierRuns(open_rows=earlier_runs(reader, batch, but_refused=but_refused).open_rows)

    opening = entries._OPEN.replace("AND state <> 'settled'", "")
    yield swap(plan, "earlier_runs", forgetful)
    yield swap(entries, "_OPEN", opening)


@mutant()
def given_up_rows_are_closed() -> Iterator[Any]:
    """A row that was given up is settled, so that no later run looks at it."""
    yield swap(entries, "_NOTE", entries._SETTLE)


@mutant(begin=12)
def ledger_failure_ignored() -> Iterator[Any]:
    """A commit that failed is passed over."""

    async def write(self, group):
        try:
            await self._offload(self._commit, group.entries)
        except LedgerWriteFailed:
            pass
        finally:
            group.written.set()

    yield swap(Writer, "_write", write)


@mutant()
def counts_from_memory() -> Iterator[Any]:
    """The summary tells what this run has seen, not what the ledger holds."""
    seen: list[str] = []
    init, end, counts_from = workers.Pool.__init__, workers.Pool._end, run.counts_from

    def begin(self, means, **parts):
        seen.clear()
        init(self, means, **parts)

    def remember(self, appointment_id, outcome, cancellation):
        seen.append(outcome.name.value)
        end(self, appointment_id, outcome, cancellation)

    def from_memory(lines):
        counts = counts_from(lines)
        outcomes = {**counts.outcomes, "cancelled": seen.count("cancelled")}
        return replace(counts, outcomes=outcomes)

    yield swap(workers.Pool, "__init__", begin)
    yield swap(workers.Pool, "_end", remember)
    yield swap(run, "counts_from", from_memory)


@mutant()
def exit_code_always_zero() -> Iterator[Any]:
    """Whatever is left, the run ends with 0."""
    yield swap(run, "exit_code", lambda counts, *, held_back=0: ExitCode.DONE)


@mutant(begin=51)
def lock_ignored() -> Iterator[Any]:
    """Two runs may hold the same batch."""
    yield swap(place, "_lock", lambda descriptor: True)

"""Defects in what is made of records, manifests, approvals, credits, keys and clocks."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from batchcancel.api import Meaning
from batchcancel.appointments import Skip, SkipReason
from batchcancel.commands import plan
from batchcancel.errors import CreditsSpent
from batchcancel.huskyvoice import answers
from batchcancel.policy import earlier_runs, named, observed, starts
from batchcancel.pool import exchange, proof
from batchcancel.pool.cancel import Cancellation
from batchcancel.pool.exchange import Exchange, Withheld
from batchcancel.reader import manifest
from tests.simulation.mutation import mutant, swap


@mutant()
def records_are_not_judged() -> Iterator[Any]:
    """What a page shows to be completed, or of an odd status, is sent all the same."""
    skip_of = observed.skip_of

    def mild(said, record, *, statuses):
        reason = skip_of(said, record, statuses=statuses)
        return reason if reason is SkipReason.MOVED else None

    yield swap(observed, "skip_of", mild)


@mutant()
def moves_are_not_compared() -> Iterator[Any]:
    """What a page shows on another day than the manifest names is sent."""
    yield swap(observed, "has_moved", lambda said, record: False)


@mutant()
def last_moment_moves_count_as_cancelled() -> Iterator[Any]:
    """A PATCH's answer that shows another day is a success like any other."""
    yield swap(proof, "has_moved", lambda said, record: False)


@mutant(begin=200)
def re_booked_rows_are_sent() -> Iterator[Any]:
    """What was seen cancelled by others and is alive again is cancelled."""
    outcome_of = observed.outcome_of

    def forgetful(said, record, *, statuses, was_cancelled=False):
        return outcome_of(said, record, statuses=statuses)

    yield swap(observed, "outcome_of", forgetful)


@mutant()
def spent_credits_refuse_the_row() -> Iterator[Any]:
    """An answer that speaks of credits is a refusal of its row."""
    refusals = answers._REFUSALS | {402}
    yield swap(answers, "_REFUSALS", refusals)
    yield swap(answers, "_raise_if_spent", lambda *_: None)


@mutant()
def spent_credits_leave_a_doubt() -> Iterator[Any]:
    """A row is in doubt after an answer that speaks of credits."""
    yield swap(CreditsSpent, "leaves_doubt", True)


@mutant()
def gateways_answers_leave_no_doubt() -> Iterator[Any]:
    """A PATCH that somebody else than the API answered is taken for not applied."""
    turned_away = (*exchange.TURNED_AWAY, Meaning.UNKNOWN)
    yield swap(exchange, "TURNED_AWAY", turned_away)


@mutant()
def deadlines_on_our_clock() -> Iterator[Any]:
    """Whether there is enough notice is asked on this machine's clock."""

    def decide(self, write):
        decision = write.decide(self._now())
        if isinstance(decision, Skip):
            raise Withheld(decision)

    yield swap(Exchange, "_decide", decide)


@mutant()
def pages_for_other_rows_say_nothing() -> Iterator[Any]:
    """What a page shows of a row whose turn it was not is passed over."""
    yield swap(Cancellation, "_take_last_word", lambda self: None)


@mutant()
def branches_are_not_compared_unread() -> Iterator[Any]:
    """Where nothing could be read, a PATCH's answer from another branch is a success."""
    yield swap(named, "_is_documented", lambda field, word: field == "session")


@mutant()
def closed_days_have_no_sessions() -> Iterator[Any]:
    """A day without windows is not read as a week later: its beginning counts for the notice."""

    async def listed(self, day, branch_id):
        return starts._of_branch(await self._lookup.windows(day) or [], branch_id)

    yield swap(starts.Starts, "_listed", listed)


@mutant()
def marks_are_not_read() -> Iterator[Any]:
    """What an export says is done is cancelled once more."""
    yield swap(manifest, "mark", lambda: pl.lit(None, pl.String))


@mutant()
def conflicts_count_as_done() -> Iterator[Any]:
    """A settled row that comes back on another day is passed over."""
    yield swap(earlier_runs, "conflicting_ids", lambda *_, **__: [])


@mutant()
def other_manifests_join_unasked() -> Iterator[Any]:
    """A manifest that was replaced is taken over without anybody's leave."""
    yield swap(earlier_runs, "_refuse_changed_manifest", lambda *_, **__: None)


@mutant()
def approvals_are_not_compared() -> Iterator[Any]:
    """Whatever was approved, what the plan says now is done."""
    yield swap(plan, "refuse_unapproved", lambda *_: None)

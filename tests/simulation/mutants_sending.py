"""Defects in what is sent, and when."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from batchcancel import wiring
from batchcancel.appointments import Cancel
from batchcancel.huskyvoice import answers
from batchcancel.huskyvoice.limiter import SlidingWindow
from batchcancel.huskyvoice.shared_limiter import Patience
from batchcancel.huskyvoice.window_file import FileWindow
from batchcancel.huskyvoice.window_log import WindowLog
from batchcancel.ledger.contract import Intent
from batchcancel.policy import plan
from batchcancel.pool import patience, proof
from batchcancel.pool.cancel import Cancellation
from batchcancel.pool.exchange import Exchange
from batchcancel.reader import manifest
from batchcancel.stop import Stop
from batchcancel.writer import Writer
from tests.simulation.mutation import mutant, swap


@mutant()
def intent_after_send() -> Iterator[Any]:
    """The intent is handed to the writer, and the PATCH leaves without waiting for the disk."""
    durable = Writer.durable

    async def hasty(self, *entries):
        if any(isinstance(entry, Intent) for entry in entries):
            self.enqueue(*entries)
        else:
            await durable(self, *entries)

    yield swap(Writer, "durable", hasty)


@mutant()
def slot_freed_at_send() -> Iterator[Any]:
    """A slot comes back one window after the request left, not after its answer."""
    take = WindowLog.take

    def counted(self, rate, now, *, ticket, timeout):
        turn = take(self, rate, now, ticket=ticket, timeout=timeout)
        if turn.slot is not None:
            self.used(turn.slot, now)
        return turn

    yield swap(WindowLog, "take", counted)


@mutant()
def open_rows_sent_blindly() -> Iterator[Any]:
    """A row that an earlier run left open is sent again without reading it back."""
    init = Cancellation.__init__

    def unread(self, appointment, means):
        init(self, appointment, means)
        self._opened_at = None

    yield swap(Cancellation, "__init__", unread)


@mutant()
def lost_replies_are_not_looked_after() -> Iterator[Any]:
    """Within a run, what may have been applied is sent again without a read."""
    attempt = Cancellation._attempt

    async def blindly(self):
        self._is_read = True
        return await attempt(self)

    yield swap(Cancellation, "_attempt", blindly)


@mutant(begin=35)
def read_back_trusts_the_status() -> Iterator[Any]:
    """A read-back takes a living appointment as not cancelled yet, whenever it was touched."""
    is_touched = proof._is_touched

    def trusting(record, *, since):
        return record.status == "cancelled" and is_touched(record, since=since)

    yield swap(proof, "_is_touched", trusting)


@mutant(begin=300)
def decided_before_the_commit_only() -> Iterator[Any]:
    """The policy has its last word before the intent is on the disk."""
    require_leave = Exchange._require_leave
    yield swap(
        Exchange, "_require_leave", lambda self, slot, _write=None: require_leave(self, slot)
    )


@mutant(begin=20)
def retry_after_ignored() -> Iterator[Any]:
    """A 429 closes no gate."""
    yield swap(SlidingWindow, "close_for", lambda self, seconds: None)


@mutant()
def patience_without_end() -> Iterator[Any]:
    """A Retry-After is waited for, however long it is."""

    def close_gate(self, answer):
        self._limiter.close_for(answer.retry_after or 5.0)

    yield swap(patience.Patience, "_close_gate", close_gate)
    yield swap(Patience, "require", lambda *_, **__: None)


@mutant()
def policy_only_at_plan_time() -> Iterator[Any]:
    """Nobody asks the policy again when the turn of a row has come."""
    yield swap(Cancellation, "_decide", lambda self, now: Cancel())


@mutant()
def duplicates_sent_twice() -> Iterator[Any]:
    """A row that stands in the manifest twice is taken up twice."""
    appointments = plan.Plan.appointments

    def twice(self):
        for one in appointments(self):
            yield from (one, one)

    yield swap(plan.Plan, "appointments", twice)


@mutant()
def window_forgotten_at_restart() -> Iterator[Any]:
    """A run begins as if nothing had been sent in the last minute."""
    begin = FileWindow.open

    def forget(self):
        begin(self)
        self._path.unlink()

    yield swap(FileWindow, "open", forget)
    yield swap(wiring, "_slots", lambda account, settings, *, now: ())


@mutant()
def stop_ignored_by_workers() -> Iterator[Any]:
    """Workers go on taking up rows after a signal, until the drain is over."""

    def leave(self, slot, _write=None):
        slot.is_used = True
        self.requests += 1

    yield swap(Stop, "breaks", lambda self: nullcontext())
    yield swap(Exchange, "_require_leave", leave)


@mutant(begin=9)
def success_without_proof() -> Iterator[Any]:
    """Any 2xx counts as cancelled, whatever its body says."""
    success = answers._success

    def trusting(request, *, status, content, server_now):
        answer = success(request, status=status, content=content, server_now=server_now)
        if request.ask is not answers.Ask.CANCEL:
            return answer
        record = answers.Record(appointment_id=request.appointment_id, status="cancelled")
        return answers.Answer(meaning=answers.Meaning.PROVED, code=str(status), record=record)

    yield swap(answers, "_success", trusting)


@mutant()
def refusal_without_proof() -> Iterator[Any]:
    """A 404 settles a row, whoever answered it: a firewall, a gateway."""
    error_code = answers._error_code
    yield swap(answers, "_error_code", lambda content: error_code(content) or "NOT_FOUND")


@mutant()
def notes_of_the_command_win() -> Iterator[Any]:
    """The notes column of the manifest is overruled by `--notes`."""
    appointment = plan.Appointment

    def without_notes(**columns):
        return appointment(**columns | {"notes": None})

    yield swap(plan, "Appointment", without_notes)


@mutant(begin=32)
def unreadable_rows_passed_over() -> Iterator[Any]:
    """Rows that cannot be read are left out without anybody's leave."""
    yield swap(manifest.Manifest, "require_clean", lambda self: None)

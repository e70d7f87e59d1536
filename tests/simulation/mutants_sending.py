"""Defects in what is sent, and when."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from batchcancel import wiring
from batchcancel.appointments import Cancel, Skip
from batchcancel.huskyvoice import answers
from batchcancel.huskyvoice.gate import Patience
from batchcancel.huskyvoice.limiter import SlidingWindow
from batchcancel.huskyvoice.window_file import FileWindow
from batchcancel.huskyvoice.window_log import WindowLog
from batchcancel.policy import plan
from batchcancel.pool import exchange, proof, workers
from batchcancel.pool.exchange import Exchange, Withheld
from batchcancel.reader import manifest
from batchcancel.stop import Stop, Stopped
from tests.simulation.mutation import mutant, swap


@mutant()
def intent_after_send() -> Iterator[Any]:
    """The intent is handed to the writer, and the PATCH leaves without waiting for the disk."""

    async def announce(self, request, attempt, decide):
        now = self._now()
        if isinstance(decision := decide(now), Skip):
            raise Withheld(decision)
        number = self._writer.next_request_number()
        self._writer.enqueue(exchange._entry(request, number=number, attempt=attempt, at=now))
        if self._stop.reason is not None:
            raise Stopped
        return number

    yield swap(Exchange, "_announce", announce)


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

    async def settle(self, appointment):
        return await self._cancel(appointment)

    yield swap(workers.Pool, "_settle", settle)


@mutant(begin=35)
def read_back_trusts_the_status() -> Iterator[Any]:
    """A read-back takes a living appointment as not cancelled yet, whenever it was touched."""

    def after_intent(record, *, since):
        return proof.Outcome(proof._whose(record, since=since)) if _is_cancelled(record) else None

    yield swap(proof, "_after_intent", after_intent)


def _is_cancelled(record: Any) -> bool:
    return record.status == "cancelled"


@mutant(begin=20)
def retry_after_ignored() -> Iterator[Any]:
    """A 429 closes no gate."""
    yield swap(SlidingWindow, "close_for", lambda self, seconds: None)


@mutant()
def patience_without_end() -> Iterator[Any]:
    """A Retry-After is waited for, however long it is."""

    def close_gate(self, answer):
        self._limiter.close_for(answer.retry_after or 5.0)

    yield swap(Exchange, "_close_gate", close_gate)
    yield swap(Patience, "require", lambda *_, **__: None)


@mutant()
def policy_only_at_plan_time() -> Iterator[Any]:
    """Nobody asks the policy again when the turn of a row has come."""
    decide = workers.Attempts._decide

    def allow(self, now):
        decide(self, now)
        return Cancel()

    yield swap(workers.Attempts, "_decide", allow)


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

    async def announce(self, request, attempt, decide):
        now = self._now()
        if isinstance(decision := decide(now), Skip):
            raise Withheld(decision)
        number = self._writer.next_request_number()
        entry = exchange._entry(request, number=number, attempt=attempt, at=now)
        await self._writer.durable(entry)
        return number

    yield swap(Stop, "breaks", lambda self: nullcontext())
    yield swap(Exchange, "_announce", announce)


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

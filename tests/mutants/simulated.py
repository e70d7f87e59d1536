"""Defects that show in the whole program alone: the simulation must notice them."""

from tests.mutants.defect import defects

DEFECTS = defects(
    seed=0,
    text=r"""
pool.exchange: the intent is handed to the writer, and the PATCH leaves without waiting for the disk
- await self._writer.durable(intent)
+ self._writer.enqueue(intent)

huskyvoice.window_log: a slot comes back one window after the request left, not after its answer
- Slot(now, now + PERMIT_S + timeout)
+ Slot(now, now, is_answered=True)

pool.cancel: a row that an earlier run left open is sent again without reading it back
- self._opened_at = appointment.opened_at
+ self._opened_at = None

pool.exchange: a 429 closes no gate
seed 20
- self._limiter.close_for(max(seconds, SHORTEST_PAUSE))
+ pass

huskyvoice.limiter: a Retry-After is waited for, however long it is
- if closed > self.seconds + _ROUNDING_S:
+ if False:

pool.exchange: nobody asks the policy again when the turn of a row has come
- if isinstance(decision, Skip):
+ if False:

policy.plan: a row that stands in the manifest twice is taken up twice
- for row in self.work.select(_TAKEN_UP).iter_rows():
+ for row in [row for row in self.work.select(_TAKEN_UP).iter_rows() for _ in "12"]:

huskyvoice.window_file: a run begins as if nothing had been sent in the last minute
- self._changed(lambda _log: None)
+ self._changed(lambda log: log.slots.clear())
@ wiring
- if (seconds := (counted_by - now).total_seconds() + settings.rate.window) > 0:
+ if (seconds := (counted_by - now).total_seconds() + settings.rate.window) > 1e9:

stop: workers go on taking up rows after a signal, until the drain is over
-         if self.reason is not None:
-             raise Stopped
-         with anyio.CancelScope() as scope:
-             self._waits.add(scope)
+         with anyio.CancelScope() as scope:
@ pool.exchange
- if self._stop.reason is not None:
+ if False:

huskyvoice.answers: any 2xx counts as cancelled, whatever its body says
seed 45
- is_proved = not request.ask.writes or record.status == request.ask.status
+ is_proved = True
@ pool.proof
- if not is_touched(record, since=opened_at):
+ if False:

policy.plan: the notes column of the manifest is overruled by `--notes`
- notes=notes,
+ notes=None,

reader.manifest: rows that cannot be read are left out without anybody's leave
seed 70
- if not self.rejected:
+ if True:

policy.observed: what a page shows to be completed is sent all the same
- if record.status == COMPLETED:
+ if False:
@ policy.observed
- if record.status not in statuses:
+ if record.status not in (*statuses, COMPLETED):

huskyvoice.answers: an answer that speaks of credits is a refusal of its row
seed 35
- _REFUSALS = {400, 403,
+ _REFUSALS = {400, 402, 403,
@ huskyvoice.answers
- if status != HTTPStatus.PAYMENT_REQUIRED and not spent.search(code or ""):
+ if True:

pool.exchange: a PATCH that somebody else than the API answered is taken for not applied
- is_doubtful = answer.meaning not in TURNED_AWAY
+ is_doubtful = False

reader.outcomes: what an export says is done is cancelled once more
- return pl.when(is_done).then(word)
+ return pl.when(is_done & False).then(word)

policy.earlier_runs: a manifest that was replaced is taken over without anybody's leave
seed 135
- _refuse_changed_manifest(reader, batch, {*manifest.ids()}, is_accepted=is_accepted)
+ pass

commands.approval: whatever was approved, what the plan says now is done
seed 101
- if approved is None or not (different := list(approved.differences(now))):
+ if True:

pool.proof: when the attempts are spent without an answer, the row is settled as refused
seed 96
- Meaning.UNKNOWN: OutcomeName.GAVE_UP,
+ Meaning.UNKNOWN: OutcomeName.REFUSED,

policy.earlier_runs: neither the plan nor the ledger remembers what is settled
- settled_ids=reader.settled_ids(batch, but_refused=but_refused),
+ settled_ids=(),
@ ledger.entries
-         previous_status = observed_status
-     WHERE batch_id = :batch_id AND appointment_id = :appointment_id
-       AND state <> 'settled'
+         previous_status = observed_status
+     WHERE batch_id = :batch_id AND appointment_id = :appointment_id

ledger.entries: a row that was given up is settled, so that no later run looks at it
-     UPDATE rows SET outcome = :outcome, reason = :reason
+     UPDATE rows SET state = 'settled', outcome = :outcome, reason = :reason

writer: a commit that failed is passed over
seed 40
- self._failure = error
+ pass

report.counts: the summary tells one more than the ledger holds
- numbers[place] += rows
+ numbers[place] += rows + (place == "cancelled")

report.counts: whatever is left, the run ends with 0
- if is_for_a_person or counts.are_all_marked_done or counts.waiting > held_back:
+ if False:

policy.restoring: what somebody has cancelled anew is put back
- return record.status == CANCELLED and is_same
+ return record.status == CANCELLED

policy.restoring: what was rescheduled comes back as confirmed, though nobody asked for it
seed 49
- return SkipReason.WAS_RESCHEDULED if was_rescheduled and not rescheduled_too else None
+ return None

commands.verify: what is alive again is told as cancelled
- if record.status == CANCELLED:
+ if True:

policy.places: a place is free for everybody
seed 87
- if not any(map(differ, mine, key)) and day.left(key) > 0:
+ if not any(map(differ, mine, key)):
@ policy.places
- is_kept = day.left(place.key) >= 0
+ is_kept = True

pool.restore: what a restore had put back when it was killed is taken for somebody else's deed
seed 40
- opened_at=opened and opened.opened_at,
+ opened_at=None,

ledger.sqlite.place: two runs may hold the same batch
seed 55
- fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
+ pass
""",
)

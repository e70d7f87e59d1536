"""Deliberate defects: a simulation that does not notice them would prove nothing."""

from tests.simulation.mutation import mutants

SENDING = mutants("""
The intent is handed to the writer, and the PATCH leaves without waiting for the disk.
@ pool.exchange
- await self._writer.durable(intent)
+ self._writer.enqueue(intent)

A slot comes back one window after the request left, not after its answer.
@ huskyvoice.window_log
- Slot(now, now + PERMIT_S + timeout)
+ Slot(now, now, is_answered=True)

A row that an earlier run left open is sent again without reading it back.
@ pool.cancel
- self._opened_at = appointment.opened_at
+ self._opened_at = None

Within a run, what may have been applied is sent again without a read.
@ pool.cancel
- if self._opened_at is not None and not self._is_read:
+ if False:

A read-back takes a living appointment as not cancelled yet, whenever it was touched. [35]
@ pool.proof
- if record.status != COMPLETED and is_touched(record, since=opened_at):
+ if False:

The policy has its last word before the intent is on the disk. [300]
@ pool.exchange
-         if write is not None:
-             self._decide(write)

A 429 closes no gate. [20]
@ pool.patience
- self._limiter.close_for(max(seconds, SHORTEST_PAUSE))
+ pass

A Retry-After is waited for, however long it is.
@ pool.patience
- if seconds > self._longest:
+ if False:
@ huskyvoice.gate
- if closed > self.seconds + _ROUNDING_S:
+ if False:

Nobody asks the policy again when the turn of a row has come.
@ pool.exchange
- if isinstance(decision, Skip):
+ if False:

A row that stands in the manifest twice is taken up twice.
@ policy.plan
- for row in self.work.select(_TAKEN_UP).iter_rows():
+ for row in [row for row in self.work.select(_TAKEN_UP).iter_rows() for _ in "12"]:

A run begins as if nothing had been sent in the last minute.
@ huskyvoice.window_file
-         _make_folder(self._path.parent)
-         with self._changed():
-             pass
+         _make_folder(self._path.parent)
+         self._path.unlink(missing_ok=True)
@ wiring
- if (seconds := free_in + settings.rate.window) > 0:
+ if (seconds := free_in + settings.rate.window) > 1e9:

Workers go on taking up rows after a signal, until the drain is over.
@ stop
-         if self.reason is not None:
-             raise Stopped
-         with anyio.CancelScope() as scope:
-             self._waits.add(scope)
+         with anyio.CancelScope() as scope:
@ pool.exchange
- if self._stop.reason is not None:
+ if False:

Any 2xx counts as cancelled, whatever its body says. [9]
@ huskyvoice.answers
- is_proved = not request.ask.writes or record.status == request.ask.status
+ is_proved = True
@ pool.proof
- if not is_touched(record, since=opened_at):
+ if False:

A 404 settles a row, whoever answered it: a firewall, a gateway.
@ huskyvoice.answers
- if status == HTTPStatus.NOT_FOUND and code == "NOT_FOUND":
+ if status == HTTPStatus.NOT_FOUND:

The notes column of the manifest is overruled by `--notes`.
@ policy.plan
- notes=notes,
+ notes=None,

Rows that cannot be read are left out without anybody's leave. [32]
@ reader.manifest
- if not self.rejected:
+ if True:
""")

OBSERVING = mutants("""
What a page shows to be completed is sent all the same.
@ policy.observed
- if record.status == COMPLETED:
+ if False:
@ policy.observed
- if record.status not in statuses:
+ if record.status not in (*statuses, COMPLETED):

What a page shows to be of an odd status is sent all the same.
@ policy.observed
- if record.status not in statuses:
+ if False:

What a page shows on another day than the manifest names is sent.
@ policy.observed
- return SkipReason.MOVED if has_moved(said, record) else None
+ return None

A PATCH's answer that shows another day is a success like any other.
@ pool.proof
- if any(has_moved(place, record) for place in places):
+ if False:

What was seen cancelled by others and is alive again is cancelled. [200]
@ policy.observed
- if was_cancelled and reason is not SkipReason.COMPLETED:
+ if False:

What a page shows of a row whose turn it was not is passed over.
@ pool.cancel
- if word is None or word is self._word:
+ if True:

What an earlier reading of a day showed is forgotten with the next. [935]
@ policy.fresh
- self._days.setdefault(page, _Day(self._now(), self._pages))
+ self._days[page] = _Day(self._now(), self._pages)

Where nothing could be read, a PATCH's answer from another branch is a success. [6092]
@ policy.named
- return str(UUID(as_meant(word))) == as_meant(word)
+ return False

An answer that speaks of credits is a refusal of its row.
@ huskyvoice.answers
- _REFUSALS = {400, 403,
+ _REFUSALS = {400, 402, 403,
@ huskyvoice.answers
- if status != HTTPStatus.PAYMENT_REQUIRED and not spent.search(code or ""):
+ if True:

A row is in doubt after an answer that speaks of credits.
@ pool.exchange
- elif isinstance(error, BatchcancelError) and not error.leaves_doubt:
+ elif False:

A PATCH that somebody else than the API answered is taken for not applied.
@ pool.exchange
- is_doubtful = answer.meaning not in TURNED_AWAY
+ is_doubtful = False

Whether there is enough notice is asked on this machine's clock.
@ pool.exchange
- write.decide(self._clock.latest())
+ write.decide(self._now())

A day without windows is not read as a week later: its beginning counts for the notice.
@ policy.starts
- if here or day > date.max - _WEEK:
+ if True:
""")

TELLING = mutants("""
What an export says is done is cancelled once more.
@ reader.outcomes
- return pl.when(is_done).then(word)
+ return pl.when(is_done & False).then(word)

A settled row that comes back on another day is passed over.
@ policy.earlier_runs
- ids = conflicting_ids(settled, manifest.ledger_rows(), timezone=timezone)
+ ids = []

A manifest that was replaced is taken over without anybody's leave.
@ policy.earlier_runs
- _refuse_changed_manifest(reader, batch, {*manifest.ids()}, is_accepted=is_accepted)
+ pass

Whatever was approved, what the plan says now is done.
@ commands.approval
- if approved is None or not (different := list(approved.differences(now))):
+ if True:

When the attempts are spent without an answer, the row is settled as refused.
@ pool.proof
- Meaning.UNKNOWN: OutcomeName.GAVE_UP,
+ Meaning.UNKNOWN: OutcomeName.REFUSED,

Not-found and refused rows are final at once, whatever becomes of those after them.
@ pool.workers
- if _HELD in outcome.name.facts:
+ if False:

A row in doubt is settled as not found when its read-back says so.
@ pool.proof
- if answer.meaning is Meaning.ABSENT and opened_at is None:
+ if answer.meaning is Meaning.ABSENT:

Neither the plan nor the ledger remembers what is settled.
@ policy.earlier_runs
- settled_ids=reader.settled_ids(batch, but_refused=but_refused),
+ settled_ids=(),
@ ledger.entries
-         previous_status = observed_status
-     WHERE batch_id = :batch_id AND appointment_id = :appointment_id
-       AND state <> 'settled'
+         previous_status = observed_status
+     WHERE batch_id = :batch_id AND appointment_id = :appointment_id

A row that was given up is settled, so that no later run looks at it.
@ ledger.entries
-     UPDATE rows SET outcome = :outcome, reason = :reason
+     UPDATE rows SET state = 'settled', outcome = :outcome, reason = :reason

A commit that failed is passed over. [12]
@ writer
- self._failure = error
+ pass

The summary tells one more than the ledger holds.
@ report.counts
- numbers[place] += line.rows
+ numbers[place] += line.rows + (place == "cancelled")

Whatever is left, the run ends with 0.
@ report.counts
- if is_for_a_person or counts.are_all_marked_done or counts.waiting > held_back:
+ if False:

Two runs may hold the same batch. [51]
@ ledger.sqlite.place
- if not _lock(descriptor):
+ if False:
""")

MUTANTS = (*SENDING, *OBSERVING, *TELLING)

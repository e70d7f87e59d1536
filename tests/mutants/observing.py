"""Defects in what is read before deciding, what of it counts, and on whose clock."""

from tests.mutants.defect import defects

DEFECTS = defects(r"""
policy.observing: what was seen cancelled and is alive a moment later is cancelled
test_what_is_confirmed_again_while_planning_reads_is_for_a_person
- left |= {one: LeftAlone(one, already, None) for one in reading.records.ever(CANCELLED)}
+ pass

policy.observed: a visit that took place is cancelled
test_a_status_counts_to_the_letter
- if record.status == COMPLETED:
+ if False:

policy.observed: a status that nobody documented is sent
test_what_is_no_longer_to_be_cancelled_is_not_sent
seed 0
- if record.status not in statuses:
+ if False:

policy.observed: a status counts in any letters
test_a_status_counts_to_the_letter
- if record.status not in statuses:
+ if record.status.lower() not in statuses:

policy.observed: what was moved to another day is cancelled there
test_what_was_moved_to_another_day_is_left_there_and_told_loudly
seed 0
- return SkipReason.MOVED if has_moved(said, record) else None
+ return None

policy.named: where nothing could be read, a PATCH's answer from another branch is a success
test_where_nothing_could_be_read_the_patchs_answer_is_held_against_the_apis_own_words
- return str(UUID(as_meant(word))) == as_meant(word)
+ return False

appointments: a session is compared to the letter
test_what_is_where_the_manifest_says_has_not_moved
- as_meant(one) != as_meant(other)
+ one != other

policy.observing: a row in doubt is not held against the manifest
test_a_row_in_doubt_that_was_moved_is_not_sent_when_it_is_read_back
- pl.concat([named, in_doubt])
+ pl.concat([named, in_doubt.clear()])

policy.observed: what others had cancelled and staff confirmed again is cancelled
test_what_was_only_seen_cancelled_and_is_alive_later_is_for_a_person
seed 200
- if was_cancelled and reason
+ if False and reason

policy.plan: a column that is not the day of the appointment is believed
test_a_column_of_other_days_stops_everything_and_is_named
- if rows < FEW or moved * 2 <= rows:
+ if True:

policy.plan: only where two thirds of the rows seem moved is the manifest doubted
test_more_than_half_of_twenty_rows_are_needed_to_doubt_the_manifest
- moved * 2 <= rows
+ moved * 3 <= rows * 2

policy.fresh: observations never grow old
test_what_is_moved_and_was_observed_long_ago_is_looked_at_once_more
- return self._now() - at > OLD
+ return False

policy.fresh: what has gone from its day is sent unseen
test_what_is_no_longer_on_its_day_is_read_by_itself_whatever_the_budget
- return day.pages.tells_all or (page not in self._shuffled and self._budget.spend())
+ return self._budget.spend()

reader.search: a calendar that counts as many is proof although somebody came meanwhile
test_a_calendar_that_counts_as_many_is_no_proof_where_somebody_came_meanwhile
- one.updated_at < self._since
+ one.updated_at

policy.fresh: what an earlier reading of a day showed is forgotten with the next
test_what_a_page_showed_last_is_known_although_later_pages_do_not_show_it
-                 self._take(found.records)
+                 self._words = {k: w for k, w in self._words.items() if w.page > day.after}
+                 self._take(found.records)

pool.cancel: what a page shows of a row whose turn it was not is passed over
test_what_a_page_shows_while_a_row_waits_for_its_permit_has_the_last_word
- if word is None or word is self._word:
+ if True:

pool.proof: a read-back takes a living appointment as not cancelled yet, whenever it was touched
test_a_living_appointment_touched_after_our_intent_is_for_a_person
- if record.status != COMPLETED and is_touched(record, since=opened_at):
+ if False:

pool.cancel: pages that are read while a row waits for its permit do not count
test_what_a_page_shows_while_a_row_waits_for_its_permit_has_the_last_word
-         self._take_last_word()
-         return self._means
+         return self._means

policy.day_pages: a server that gives its last page for ever is asked for ever
test_a_server_that_gives_its_last_page_for_ever_is_asked_for_it_twice
- if self.shown == before or is_end or is_mixed:
+ if is_end or is_mixed:

policy.pages: the key of another clinic reads on
test_a_clinic_that_knows_none_of_the_rows_ends_the_reading
- if len(self._streak) >= self.halt_after:
+ if False:

policy.fresh: a row that its pages do not show is sent unread
test_what_was_never_seen_is_left_to_its_turn_and_what_was_missed_is_read
- return appointment.is_missed
+ return False

policy.observed: what was left alone is sent when it cannot be seen again
test_what_was_left_alone_for_what_it_was_is_not_sent_by_a_key_that_may_not_read
- .otherwise("left_outcome")
+ .otherwise(None)

pool.exchange: a deadline is asked at the earliest moment that it can be
test_a_permit_that_was_kept_for_too_long_sends_nothing
- write.decide(self._clock.latest())
+ write.decide(self._clock.earliest())

pool.exchange: a deadline is asked on this machine's clock
test_the_apis_clock_decides_however_far_it_is_from_this_machines
seed 90
- write.decide(self._clock.latest())
+ write.decide(self._now())

commands.plan: a plan is made on the earliest moment that it can be
test_enough_notice_is_told_to_the_second_whatever_the_clocks_do
- at = tools.clock.latest()
+ at = tools.clock.earliest()

clock: a gateway's Date counts as much as the API's
test_a_gateways_date_counts_only_while_the_api_has_said_none
-  or (self._is_own and not is_own)

huskyvoice.lookup: any permission but false allows
test_a_permission_that_is_not_true_is_a_no
- data["allow_cancellation"] is True if
+ data["allow_cancellation"] is not False if

policy.plan: a cap counts the run and not the batch
test_a_cap_counts_what_an_earlier_manifest_of_the_batch_cancelled
- wanted = max_cancel.rows_allowed(plan.rows), plan.eligible + plan.spent
+ wanted = max_cancel.rows_allowed(plan.rows), plan.eligible
""")

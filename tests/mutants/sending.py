"""Defects in what is sent, when, and what an answer is taken for."""

from tests.mutants.defect import defects

DEFECTS = defects(r"""
settings.approval: another manifest is cancelled than was approved
test_as_many_others_are_not_what_was_approved
- if self.parts[name] != now.parts[name]
+ if False

settings.approval: a canary that was approved once is sent as often as it is asked for
test_a_canary_that_was_approved_is_not_sent_again_and_again
- elif more > 0:
+ elif False:

pool.exchange: a stop between an intent and its PATCH is passed over
test_a_stop_that_comes_while_the_intent_is_written_lets_nothing_leave
- if self._stop.reason is not None:
+ if False:

huskyvoice.limiter: a Retry-After of just the longest patience stops the run
test_a_retry_after_that_is_just_allowed_closes_the_gate
- if closed > self.seconds + _ROUNDING_S:
+ if closed >= self.seconds:

pool.exchange: a run is turned away by 429s without end
test_a_run_whose_every_request_is_turned_away_for_too_long_stops
- if (lasted := now - self._turned_away_since) > self._max_retry_after:
+ if (lasted := 0.0) > 1.0:

pool.exchange: a request that got through does not start the patience with 429s anew
test_one_request_that_gets_through_starts_the_patience_anew
-             self._turned_away_since = None
-             return
+             return

pool.exchange: a Retry-After of 0 lets every worker ask again at once
test_a_429_closes_the_gate_and_so_does_trouble_that_names_a_time
- max(seconds, SHORTEST_PAUSE)
+ seconds

huskyvoice.retry: a 429 costs an attempt
test_what_the_rate_limit_turns_away_costs_no_attempt
- (let_through)
+ (attempt)

huskyvoice.answers: a status alone refuses a row, whoever answered it
test_what_is_not_the_apis_own_envelope_says_nothing_of_a_row
- if status in _REFUSALS and code is not None:
+ if status in _REFUSALS:

huskyvoice.answers: any 404 says that there is no such appointment
test_a_404_with_another_code_says_nothing_of_a_row
seed 285
- if status == HTTPStatus.NOT_FOUND and code == "NOT_FOUND":
+ if status == HTTPStatus.NOT_FOUND:

huskyvoice.answers: a 402 without a code that says so goes on with the next row
test_a_402_stops_the_run_whatever_its_body_says
- status != HTTPStatus.PAYMENT_REQUIRED and not spent
+ not spent

huskyvoice.answers: a payment for one appointment stops every run
test_a_code_that_speaks_of_a_payment_made_is_about_its_row_alone
- _SPENT if status in _OF_EVERY_ROW else _SURELY_SPENT
+ _SPENT

huskyvoice.limiter: who comes when a slot gets free overtakes who waited for it
test_who_comes_when_a_slot_gets_free_does_not_overtake_who_waited_for_it
- async with self._turn:
+ if True:

huskyvoice.limiter: what could not be told to a shared window is told late
test_a_closing_that_could_not_be_told_in_time_is_not_told_late_and_begun_anew
- self._pending.clear()
+ pass

huskyvoice.window_file: a window's file that cannot be read is taken for an empty one
test_a_file_that_cannot_be_read_counts_as_full_for_one_window
- log.close_for(longest, now=now, wall=wall)
+ pass

huskyvoice.window_log: a closed gate is forgotten when the machine starts anew
test_after_another_boot_the_rest_of_a_closure_goes_by_the_wall_clock
- self.gate = Gate(now + left, wall + left, left)
+ self.gate = None

huskyvoice.window_log: who comes when a slot gets free overtakes who waited in another program
test_the_next_free_slot_is_kept_for_who_asked_first
- len(free_at) + len(ahead) + 1 - rate.limit
+ len(free_at) + 1 - rate.limit
""")
